/** An explanation as the API shows it: JSON values only, with names in snake_case at the top level as everywhere in the API. */
import type { Explanation } from './explanation.ts'

export const explanationView = (of: Explanation) => ({
  action: of.command.type,
  asked: of.command.fields,
  actor: of.actor,
  at: of.at,
  happened: of.happened,
  verdict:
    of.verdict === null
      ? null
      : {
          outcome: of.verdict.outcome,
          code: of.verdict.code,
          refusal: of.verdict.refusal,
          events: of.verdict.events.map(({ type }) => type),
        },
  agrees: of.agrees,
  right: of.right,
  rules: of.rules,
  says: of.says,
  gaps: of.gaps,
})
