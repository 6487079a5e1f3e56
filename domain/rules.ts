/** Which rules a decision was made by. Rules that refuse what was once accepted have a number of their own, and an event
 *  keeps the number in force (`metadata.rules`), so that an old decision can be made again with the same result. */

/** The rules in force today. 1: events without a number. 2: visible words and emoji, the number of reactions on a message,
 *  when held seats give way, the number of sessions of one subject. 3: what a position may be. 4: a seat held because it was
 *  somebody's turn in the queue does not give way. 5: an edit that a filter holds waits; it was refused. */
export const RULES = 5

/** Whether the rules of number 2 apply. A decision that is made now has no number. */
export const isSince2 = (rules: number | undefined): boolean => rules === undefined || rules >= 2
/** The same of number 3. */
export const isSince3 = (rules: number | undefined): boolean => rules === undefined || rules >= 3
/** The same of number 4. */
export const isSince4 = (rules: number | undefined): boolean => rules === undefined || rules >= 4
/** The same of number 5. */
export const isSince5 = (rules: number | undefined): boolean => rules === undefined || rules >= 5
