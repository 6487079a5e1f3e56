/** Which rules a decision was made by. Rules that refuse what was once taken have a number of their own, and an event
 *  keeps the number in force (`metadata.rules`): so a decision of before can be made again, and comes out as it did. */

/** In force today. 1: every event without a number. 2: what is seen of words and emoji, how many reactions a message
 *  has, how held seats give way, how many sessions one subject has. 3: what a position may be. */
export const RULES = 3

/** Whether the rules that came with number 2 hold. None is given where a decision is made now. */
export const isSince2 = (rules: number | undefined): boolean => rules === undefined || rules >= 2
/** The same of number 3. */
export const isSince3 = (rules: number | undefined): boolean => rules === undefined || rules >= 3
