/** What can be asked of a space's chat. `subspace` is where the caller is, or names on REST. */
export type PostMessage = {
  readonly type: 'PostMessage'
  /** A UUID, unique in its space: the same one twice is one message. */
  readonly messageId: string
  /** The server made the id just now, so that no message can have it yet and none is looked up. */
  readonly fresh?: boolean
  readonly subspace: string
  readonly content: string
  readonly messageType: string
  readonly parentMessageId: string | null
}
export type EditMessage = {
  readonly type: 'EditMessage'
  readonly messageId: string
  readonly content: string
}
export type DeleteMessage = { readonly type: 'DeleteMessage'; readonly messageId: string }
export type AddReaction = { readonly type: 'AddReaction'; readonly messageId: string; readonly emoji: string }
export type RemoveReaction = {
  readonly type: 'RemoveReaction'
  readonly messageId: string
  readonly emoji: string
}
export type ChatCommand = PostMessage | EditMessage | DeleteMessage | AddReaction | RemoveReaction
