/** A mistake that the user can mend: the message is for them, and needs no stack. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart'
}
