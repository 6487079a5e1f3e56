/** Rows for COPY … FROM STDIN in its text format: tabs between columns, a line feed after each row. */

/** `into` is the table and its columns, without a schema. */
export type Copy = { readonly into: string; readonly data: string }

/** A text as COPY reads it. Source: https://www.postgresql.org/docs/current/sql-copy.html, "Text Format". */
export const copyText = (text: string): string => {
  // Most texts have none of them, and to look is cheap.
  let escaped = text.includes('\\') ? text.replaceAll('\\', '\\\\') : text
  if (escaped.includes('\n')) escaped = escaped.replaceAll('\n', '\\n')
  if (escaped.includes('\t')) escaped = escaped.replaceAll('\t', '\\t')
  if (escaped.includes('\r')) escaped = escaped.replaceAll('\r', '\\r')
  return escaped
}

/** A row's value as COPY reads it: text, number, boolean or null. */
export const copyValue = (value: unknown): string =>
  value === null || value === undefined
    ? '\\N'
    : typeof value === 'string'
      ? copyText(value)
      : typeof value === 'boolean'
        ? value
          ? 't'
          : 'f'
        : String(value)
