/** Text as it is searched and matched: what a reader takes for the same letter is the same. `presence_folded` in PostgreSQL does
 *  likewise. */

/** Upper and lower case of every script are one, and so are the ways in which Unicode writes one letter. Upper first: some
 *  letters meet only there. */
export const folded = (text: string): string =>
  text.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC').replaceAll('ς', 'σ')

const UNSEEN = /\p{Default_Ignorable_Code_Point}+/gu
const SPACES = /[\p{Z}\p{Cc}]+/gu

/** The same, without what is not drawn, and with one space for any number of them. */
export const foldedWords = (text: string): string => folded(text.replace(UNSEEN, '')).replace(SPACES, ' ')
