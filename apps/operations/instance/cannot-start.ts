/** An error that the user can fix: the message is for them, and no stack is shown. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart'
}
