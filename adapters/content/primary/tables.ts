/** The three content tables, which a file or a primary fills: their keys and columns. */

export const TABLE_NAMES = ['posts', 'collaboration_documents', 'collaboration_permissions'] as const
export type TableName = (typeof TABLE_NAMES)[number]

export type ContentTable = {
  readonly name: TableName
  readonly key: ReadonlyArray<string>
  /** Each column with its type in the tables here. */
  readonly columns: Readonly<Record<string, string>>
  /** The columns that decide who may enter: a table without them is not followed. */
  readonly access: ReadonlyArray<string>
}

export const TABLES: Readonly<Record<TableName, ContentTable>> = {
  posts: {
    name: 'posts',
    key: ['author', 'permlink'],
    columns: {
      author: 'text',
      permlink: 'text',
      type: 'text',
      title: 'text',
      content: 'text',
      votes: 'integer',
      rating: 'numeric',
      nsfw: 'boolean',
      hidden: 'boolean',
      flagged: 'boolean',
      created_at: 'timestamptz',
      updated_at: 'timestamptz',
    },
    access: ['hidden', 'flagged'],
  },
  collaboration_documents: {
    name: 'collaboration_documents',
    key: ['id'],
    columns: {
      id: 'text',
      title: 'text',
      creator: 'text',
      is_public: 'boolean',
      is_deleted: 'boolean',
      created_at: 'timestamptz',
      updated_at: 'timestamptz',
    },
    access: ['creator', 'is_public', 'is_deleted'],
  },
  collaboration_permissions: {
    name: 'collaboration_permissions',
    key: ['document_id', 'user_account'],
    columns: { document_id: 'text', user_account: 'text', permission: 'text' },
    access: ['permission'],
  },
}

export const isTableName = (name: string): name is TableName =>
  (TABLE_NAMES as ReadonlyArray<string>).includes(name)
