// The room after so many events of the record, as the bundle's format folds it: people, words, and what was in force.
const MESSAGES = 200

const apply = (room, event, words, withheld) => {
  const { data, metadata, type } = event
  const of = data ?? {}
  const session = room.sessions.get(of.sessionId)
  switch (type) {
    case 'SessionJoined':
      room.sessions.set(of.sessionId, { name: of.account ?? of.guest ?? '', room: of.subspace, marks: '' })
      return
    case 'SessionLeft':
      room.sessions.delete(of.sessionId)
      return
    case 'SessionMoved':
      if (session) session.room = of.to
      return
    case 'VoiceStarted':
    case 'VoiceStopped':
      if (session) session.marks = type === 'VoiceStarted' ? ' · speaking' : ''
      return
    case 'MessagePosted': {
      const text = textOf(event, words, withheld)
      room.messages.set(of.messageId, { author: of.account ?? of.guest ?? '', text, at: metadata?.at, isGone: false })
      if (room.messages.size > MESSAGES) room.messages.delete(room.messages.keys().next().value)
      return
    }
    case 'MessageEdited':
      if (room.messages.has(of.messageId)) room.messages.get(of.messageId).text = `${textOf(event, words, withheld)} (edited)`
      return
    case 'MessageDeleted':
      if (room.messages.has(of.messageId)) room.messages.get(of.messageId).isGone = true
      return
    case 'AccountBanned':
    case 'AccountMuted':
      room.facts.set(`${type} ${of.subject}`, `${of.subject} is ${type === 'AccountBanned' ? 'banned' : 'muted'} by ${of.by?.id}${of.until ? ` until ${of.until}` : ''}${of.reason ? `: ${of.reason}` : ''}`)
      return
    case 'AccountUnbanned':
    case 'AccountUnmuted':
      room.facts.delete(`${type.replace('Un', '').replace('banned', 'Banned').replace('muted', 'Muted')} ${of.subject}`)
      return
    case 'PermissionGranted':
      room.facts.set(`Permission ${of.account}`, `${of.account} has “${of.permission}” by ${of.by?.id}${of.reason ? `: ${of.reason}` : ''}`)
      return
    case 'PermissionRevoked':
      room.facts.delete(`Permission ${of.account}`)
      return
    case 'SettingsChanged':
      for (const [name, value] of Object.entries(of.changes ?? {})) room.facts.set(`setting ${name}`, `${name}: ${JSON.stringify(value)}`)
      return
    default:
      return
  }
}
const textOf = (event, words, withheld) => {
  const value = words[event.id]?.value
  if (typeof value === 'string') return value
  return withheld.has(event.id) ? '(withheld)' : (event.data?.content ?? '') || '(sealed)'
}

const begin = ({ start }) => {
  const room = { sessions: new Map(), messages: new Map(), facts: new Map() }
  for (const [id, one] of Object.entries(start.sessions ?? {})) room.sessions.set(id, { name: one.account ?? one.guest ?? '', room: one.subspace, marks: one.voice ? ' · speaking' : '' })
  for (const [subject, one] of Object.entries(start.bans ?? {})) room.facts.set(`AccountBanned ${subject}`, `${subject} is banned by ${one.by?.id}`)
  for (const [subject, one] of Object.entries(start.mutes ?? {})) room.facts.set(`AccountMuted ${subject}`, `${subject} is muted by ${one.by?.id}`)
  for (const [account, one] of Object.entries(start.grants ?? {})) room.facts.set(`Permission ${account}`, `${account} has “${one.permission}”`)
  return room
}

let kept = null
/** Forwards it goes on from where it was; backwards it begins anew. */
export const roomAt = (parts, index) => {
  if (kept === null || kept.parts !== parts || kept.index > index)
    kept = { parts, index: 0, room: begin(parts), withheld: parts.words.withheld }
  for (; kept.index < index; kept.index += 1) apply(kept.room, parts.events[kept.index].event, parts.words.words, kept.withheld)
  const { sessions, messages, facts } = kept.room
  return { people: [...sessions.values()], messages: [...messages.values()], facts: [...facts.values()] }
}
