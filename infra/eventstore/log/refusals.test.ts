/** Tests of the errors when a log is not opened: each says what is wrong and what to do, and changes nothing. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MARK_FILE } from './acknowledged.ts'
import { restoreLog } from './backup.ts'
import { refusalOf, textOf } from './refusals.ts'
import { LOG_FILE, openStorage } from './storage.ts'

const test = suite('what is said of a log that is not opened')
const root = mkdtempSync(join(tmpdir(), 'eventstore-refusals-'))
test.after(() => rmSync(root, { recursive: true, force: true }))

let made = 0
const fresh = (): string => {
  const dir = join(root, `${made++}`)
  mkdirSync(dir)
  return dir
}
const whole = fresh()
openStorage(whole).close()
/** A log of its own. */
const log = (): { dir: string; file: string } => {
  const dir = fresh()
  cpSync(whole, dir, { recursive: true })
  return { dir, file: join(dir, LOG_FILE) }
}
const change = (file: string, sql: string): void => {
  const db = new DatabaseSync(file)
  db.exec(sql)
  db.close()
}
const saidOf = (dir: string): string => {
  try {
    openStorage(dir).close()
  } catch (error) {
    return (error as Error).message
  }
  return 'it was opened'
}
/** What is said, when the file is still as it was. */
const saidUntouched = (dir: string, file: string): string => {
  const before = readFileSync(file)
  const said = saidOf(dir)
  assert.ok(before.equals(readFileSync(file)), 'the file was changed')
  return said
}

test('a log of a newer version: which it is, which are read, and that the newer program is to be started', () => {
  const { dir, file } = log()
  change(file, 'PRAGMA user_version = 7')
  const said = saidUntouched(dir, file)
  assert.match(said, 'it is a log of version 7, and this program reads versions 1 and 2')
  assert.match(said, 'start that one')
  assert.not.match(said, '.recover')
  assert.not.match(said, 'Restore a backup')
})

test('a database of another program: not a log, and no table of ours is put into it', () => {
  const dir = fresh()
  const file = join(dir, LOG_FILE)
  change(file, 'CREATE TABLE customers (name TEXT)')
  const said = saidUntouched(dir, file)
  assert.match(said, 'it is a database of another program, with a table customers')
  assert.not.match(said, '.recover')
})

test('a file that is no database: not a log', () => {
  const dir = fresh()
  const file = join(dir, LOG_FILE)
  writeFileSync(file, 'Dear diary, '.repeat(1_000))
  assert.match(saidUntouched(dir, file), 'it is no database')
})

test('a damaged log: a backup, and how to look for what can be saved', () => {
  const { dir, file } = log()
  const bytes = readFileSync(file)
  writeFileSync(file, bytes.fill(7, 8192))
  const said = saidUntouched(dir, file)
  assert.match(said, 'Restore a backup')
  assert.match(said, '.recover')
})

test('a log whose file is gone: what is missing, and how to go on without it', () => {
  const { dir, file } = log()
  writeFileSync(join(dir, MARK_FILE), '0000000000000128\n')
  rmSync(file)
  const said = saidOf(dir)
  assert.match(said, `${MARK_FILE} says that it was`)
  assert.match(said, 'bring all of its files')
  assert.not.match(said, '.recover')
})

test('a log that another program has locked: to end that program', () => {
  const { dir, file } = log()
  const other = new DatabaseSync(file)
  other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  assert.match(saidOf(dir), 'locked by another program')
  other.close()
  assert.is(saidOf(dir), 'it was opened')
})

test('a directory that another node has: that node', () => {
  const { dir } = log()
  const storage = openStorage(dir)
  assert.match(saidOf(dir), 'Another node has')
  storage.close()
})

test('a lock that is none: that file, and not the log', () => {
  const { dir } = log()
  writeFileSync(join(dir, 'node.lock'), 'x'.repeat(4096))
  assert.match(saidOf(dir), "node.lock is not a node's lock")
})

test('a path that is a file: that it is no directory', () => {
  const file = join(fresh(), 'file')
  writeFileSync(file, '')
  assert.match(saidOf(file), 'is no directory')
  assert.match(saidOf(join(file, 'in')), 'is no directory')
})

test('what can’t be written to: whose it has to be, and not that the log is damaged', () => {
  const { dir, file } = log()
  const db = new DatabaseSync(file, { readOnly: true })
  let refused: unknown
  try {
    db.exec('CREATE TABLE other (x)')
  } catch (error) {
    refused = error
  }
  db.close()
  for (const error of [refused, Object.assign(new Error('EACCES'), { code: 'EACCES' })]) {
    const said = refusalOf(dir, file, error).message
    assert.match(said, 'can’t be written to by this user'.replace('’', "'"))
    assert.not.match(said, 'Restore a backup')
  }
})

test('a full disk: that it is full, and not that the log is damaged', () => {
  const { dir, file } = log()
  const db = new DatabaseSync(file)
  let refused: unknown
  try {
    db.exec('PRAGMA max_page_count = 1; CREATE TABLE other (x)')
  } catch (error) {
    refused = error
  }
  db.close()
  for (const error of [refused, Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })]) {
    const said = refusalOf(dir, file, error).message
    assert.match(said, 'is full')
    assert.not.match(said, 'Restore a backup')
  }
})

test('a log of the first version is taken to the last at the next start', () => {
  const { dir, file } = log()
  change(file, 'DROP TABLE stream_index; ALTER TABLE events DROP COLUMN crc; PRAGMA user_version = 1')
  assert.is(saidOf(dir), 'it was opened')
  const db = new DatabaseSync(file)
  assert.is(db.prepare('PRAGMA user_version').get()?.user_version, 3)
  db.close()
})

test('a backup of a newer version, or that is none: what it is', async () => {
  const { file } = log()
  change(file, 'PRAGMA user_version = 7; PRAGMA journal_mode = DELETE')
  const text = join(root, 'text')
  writeFileSync(text, 'x'.repeat(10_000))
  const said = (from: string) =>
    restoreLog(from, join(root, 'restored')).then(
      () => 'it was restored',
      (error: Error) => error.message,
    )
  assert.match(await said(file), 'it is a log of version 7')
  assert.match(await said(text), 'it is no database')
})

test('given a node whose lock was deleted by hand, when a second is started, then it is refused; when the first is closed, not', () => {
  const { dir } = log()
  const first = openStorage(dir)
  rmSync(join(dir, 'node.lock'))
  assert.match(saidOf(dir), new RegExp(`^Another node \\(process ${process.pid}\\) has .* open`))
  first.close()
  rmSync(join(dir, 'node.lock'))
  assert.is(saidOf(dir), 'it was opened')
})

test('given a copy of a log that is open, then it is opened', () => {
  const { dir } = log()
  const first = openStorage(dir)
  const copy = fresh()
  cpSync(dir, copy, { recursive: true })
  assert.is(saidOf(copy), 'it was opened')
  first.close()
})

test('given a log whose node was killed, then it is opened', () => {
  const { dir, file } = log()
  const storage = openStorage(dir)
  storage.close()
  change(
    file,
    `INSERT INTO state VALUES ('owner', '{"pid":${process.ppid},"beginning":"1","boot":"","dev":1,"ino":1}')`,
  )
  assert.is(saidOf(dir), 'it was opened')
})

test('given an error without a word, then it is called by its code or its name', () => {
  assert.is(textOf(Object.assign(new Error(''), { code: 'EWHAT' })), 'EWHAT')
  assert.is(textOf(new RangeError('')), 'RangeError')
  assert.is(textOf(''), 'no reason was given')
})

test.run()
