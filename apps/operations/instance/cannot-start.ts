/** An error that the user can fix: the message is for them, and needs no stack. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart'
}
