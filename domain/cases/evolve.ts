/** The fold of a space's cases. It never fails, and it consumes the state that it is given (see `Decider`). */
import type { CaseEvent, CaseEventOf } from './events.ts'
import { APPEAL_DAYS, type Case, type CasesState, keyOfAbout, keyOfNetwork, MAX_CLOSED } from './state.ts'

const DAY = 86_400_000

/** A copy that shares nothing that `evolve` writes to. */
export const forkCases = (state: CasesState): CasesState => ({
  length: state.length,
  cases: new Map(state.cases),
  open: new Map(state.open),
  reports: new Map(state.reports),
  closed: new Set(state.closed),
})

const writable = <K, V>(map: ReadonlyMap<K, V>): Map<K, V> => map as Map<K, V>

const count = (state: CasesState, key: string, by: number): void => {
  const now = (state.reports.get(key) ?? 0) + by
  if (now > 0) writable(state.reports).set(key, now)
  else writable(state.reports).delete(key)
}

/** Counts a report as open (1), or no longer (-1). */
const countReport = (state: CasesState, reporter: string, network: string | null, by: 1 | -1): void => {
  count(state, reporter, by)
  if (network !== null) count(state, keyOfNetwork(network), by)
}

const put = (state: CasesState, changed: Case): void => {
  writable(state.cases).set(changed.id, changed)
}

const forget = (state: CasesState, id: string): void => {
  writable(state.cases).delete(id)
  ;(state.closed as Set<string>).delete(id)
}

/** Keeps a closed case, if there may be an appeal. */
const rest = (state: CasesState, known: Case): void => {
  if (known.acts === 0 || known.appeal === 'decided') {
    forget(state, known.id)
    return
  }
  put(state, known)
  const closed = state.closed as Set<string>
  closed.delete(known.id)
  closed.add(known.id)
  if (closed.size > MAX_CLOSED)
    for (const oldest of closed) {
      forget(state, oldest)
      break
    }
}

const opened = ({ data }: CaseEventOf<'CaseOpened'>): Case => ({
  id: data.caseId,
  subject: data.subject,
  about: data.about,
  status: 'open',
  takenBy: null,
  hands: [],
  acts: 0,
  appeal: 'none',
  appealUntil: null,
  reporters: new Map(),
})

const withHand = ({ hands }: Case, hand: string): Case['hands'] =>
  hands.includes(hand) ? hands : [...hands, hand]

const closeCase = (state: CasesState, known: Case, { data }: CaseEventOf<'CaseClosed'>): void => {
  writable(state.open).delete(keyOfAbout(known.about, known.subject))
  for (const [reporter, network] of known.reporters) countReport(state, reporter, network, -1)
  const hands = data.outcome === 'acted' ? withHand(known, data.by.id) : known.hands
  rest(state, { ...known, status: 'closed', reporters: new Map(), hands })
}

const recordAct = (state: CasesState, known: Case, { data }: CaseEventOf<'CaseActed'>): void => {
  // Nobody can appeal against the lifting of an act.
  if (data.act === 'unban' || data.act === 'unmute') return
  const appealUntil = Date.parse(data.at) + APPEAL_DAYS * DAY
  put(state, { ...known, acts: known.acts + 1, hands: withHand(known, data.by.id), appealUntil })
}

const addReport = (state: CasesState, known: Case, { data }: CaseEventOf<'ReportFiled'>): void => {
  if (known.reporters.has(data.by.id)) return
  const network = data.network ?? null
  put(state, { ...known, reporters: new Map(known.reporters).set(data.by.id, network) })
  countReport(state, data.by.id, network, 1)
}

/** An event of a case that is no longer in the state changes nothing. */
const onCase = (state: CasesState, known: Case, event: Exclude<CaseEvent, { type: 'CaseOpened' }>): void => {
  switch (event.type) {
    case 'ReportFiled':
      addReport(state, known, event)
      break
    case 'CaseTaken':
      put(state, { ...known, status: 'taken', takenBy: event.data.by.id })
      break
    case 'CaseNoted':
      break
    case 'CaseActed':
      recordAct(state, known, event)
      break
    case 'CaseClosed':
      closeCase(state, known, event)
      break
    case 'AppealMade':
      put(state, { ...known, appeal: 'made' })
      break
    case 'AppealDecided':
      if (known.status === 'closed') forget(state, known.id)
      else put(state, { ...known, appeal: 'decided' })
      break
    default:
      event satisfies never
  }
}

export const evolveCases = (state: CasesState, event: CaseEvent): CasesState => {
  if (event.type === 'CaseOpened') {
    const made = opened(event)
    put(state, made)
    writable(state.open).set(keyOfAbout(made.about, made.subject), made.id)
  } else {
    const known = state.cases.get(event.data.caseId)
    if (known !== undefined) onCase(state, known, event)
  }
  return { ...state, length: state.length + 1 }
}
