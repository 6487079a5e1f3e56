/**
 * What SQLite itself does with the bytes of a node's log, in a process of its own: WAL, synchronous=FULL, the events and an index by stream that SQLite keeps.
 * `raw.ts write FILE FROM COUNT GROUP`: the events of FILE from a position on, GROUP to a commit. `raw.ts read FILE`: all of them.
 * `raw.ts open FILE`: opened, and its last event read. `raw.ts live FILE RATE SECONDS`: due at a rate, each turn's in one
 * commit, from when each was due until it is on the disk. `raw.ts sync` and `raw.ts disk`: as `write` and `live`, but nothing is done
 * except that the bytes are written to a file, with an fdatasync for each commit. Prints JSON.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { summary } from '../figures.ts'
import { sendPaced } from '../metronome.ts'

const [mode, file = '', ...numbers] = process.argv.slice(2)
const [one = 0, two = 0, three = 1] = numbers.map(Number)

type Row = { position: number; stream: number; revision: number; body: Uint8Array }

const load = (from: number, count: number): Row[] => {
  const db = new DatabaseSync(file, { readOnly: true })
  const rows = db
    .prepare(
      'SELECT position, stream, revision, body FROM events WHERE position >= ? ORDER BY position LIMIT ?',
    )
    .all(from, count) as unknown as Row[]
  db.close()
  return rows
}

const open = (path: string) => {
  const db = new DatabaseSync(path)
  db.exec(`
    PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;
    CREATE TABLE IF NOT EXISTS events (
      position INTEGER PRIMARY KEY, stream INTEGER NOT NULL, revision INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE UNIQUE INDEX IF NOT EXISTS events_by_stream ON events (stream, revision);
  `)
  return db
}

const fresh = () => {
  const dir = mkdtempSync(join(tmpdir(), 'raw-'))
  const db = open(join(dir, 'events.db'))
  const insert = db.prepare('INSERT INTO events (position, stream, revision, body) VALUES (?, ?, ?, ?)')
  const [begin, commit] = [db.prepare('BEGIN IMMEDIATE'), db.prepare('COMMIT')]
  return {
    write: (rows: ReadonlyArray<Row>) => {
      begin.run()
      for (const { position, stream, revision, body } of rows) insert.run(position, stream, revision, body)
      commit.run()
    },
    end: () => {
      db.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** A file that is written to from the beginning again and again, as a write-ahead log is. */
const freshFile = () => {
  const dir = mkdtempSync(join(tmpdir(), 'raw-'))
  const handle = openSync(join(dir, 'log'), 'w')
  const most = 8 * 1024 * 1024
  let at = 0
  return {
    write: (rows: ReadonlyArray<Row>) => {
      const bytes = Buffer.concat(rows.map(({ body }) => body))
      if (at + bytes.length > most) at = 0
      writeSync(handle, bytes, 0, bytes.length, at)
      at += bytes.length
      fdatasyncSync(handle)
    },
    end: () => {
      closeSync(handle)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

const say = (figures: unknown) => console.log(JSON.stringify(figures))

if (mode === 'write' || mode === 'sync') {
  const rows = load(one, two)
  const store = mode === 'write' ? fresh() : freshFile()
  const begun = performance.now()
  for (let at = 0; at < rows.length; at += three) store.write(rows.slice(at, at + three))
  say({ count: rows.length, seconds: (performance.now() - begun) / 1000 })
  store.end()
} else if (mode === 'read') {
  const db = new DatabaseSync(file, { readOnly: true })
  const page = db.prepare('SELECT position, body FROM events WHERE position > ? ORDER BY position LIMIT 512')
  page.setReturnArrays(true)
  const begun = performance.now()
  let count = 0
  for (let at = -1; ; ) {
    const rows = page.all(at) as unknown as Array<[number, Uint8Array]>
    if (rows.length === 0) break
    count += rows.length
    at = rows[rows.length - 1]![0]
  }
  say({ count, seconds: (performance.now() - begun) / 1000 })
  db.close()
} else if (mode === 'open') {
  const begun = performance.now()
  const db = open(file)
  db.prepare('SELECT position, body FROM events ORDER BY position DESC LIMIT 1').get()
  say({ ms: performance.now() - begun })
  db.close()
} else if (mode === 'live' || mode === 'disk') {
  const total = one * two
  const rows = load(0, total)
  const store = mode === 'live' ? fresh() : freshFile()
  const latencies: number[] = []
  await sendPaced({ rate: one, total: rows.length }, ({ from, to, dueAt }) => {
    store.write(rows.slice(from, to))
    const now = performance.now()
    for (let row = from; row < to; row += 1) latencies.push(now - dueAt(row))
  })
  say(summary(latencies))
  store.end()
}
