/** Which of a space's cases: those that wait, those that somebody has, the closed, and those whose appeal waits. */
export const CASE_LISTS = ['open', 'taken', 'closed', 'appealed'] as const
export type CaseList = (typeof CASE_LISTS)[number]
