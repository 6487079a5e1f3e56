/** Folds text for searching and matching, so that what a reader takes for the same letter is the same.
 *  `presence_folded` in PostgreSQL does likewise. */

/** Of which each sign is written in one way, but for its case. */
const PLAIN = /^[\x20-\x7e]*$/

/** Removes the differences between upper and lower case, in every script, and between the ways in which Unicode writes
 *  one letter. Some letters are equal only in upper case (ß and ss), and one comes to that only from its lower case (ẞ). */
export const folded = (text: string): string => (PLAIN.test(text) ? text.toLowerCase() : foldedOther(text))
const foldedOther = (text: string): string =>
  text.normalize('NFKC').toLowerCase().toUpperCase().toLowerCase().normalize('NFKC').replaceAll('ς', 'σ')

const UNSEEN = /\p{Default_Ignorable_Code_Point}+/gu
const SPACES = /[\p{Z}\p{Cc}]+/gu

/** The same, without characters that are not drawn, and with every run of spaces as one space. */
export const foldedWords = (text: string): string =>
  PLAIN.test(text)
    ? text.toLowerCase().replace(/ {2,}/g, ' ')
    : folded(text.replace(UNSEEN, '')).replace(SPACES, ' ')
