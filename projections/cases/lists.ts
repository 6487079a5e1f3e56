/** Which of a space's cases to list: those that are open, taken by somebody, or closed, and those whose appeal waits. */
export const CASE_LISTS = ['open', 'taken', 'closed', 'appealed'] as const
export type CaseList = (typeof CASE_LISTS)[number]
