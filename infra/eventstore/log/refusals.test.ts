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
/** The error's message, given only if the file is still as it was. */
const saidUntouched = (dir: string, file: string): string => {
  const before = readFileSync(file)
  const said = saidOf(dir)
  assert.ok(before.equals(readFileSync(file)), 'the file was changed')
  return said
}

test('given a log of a newer version, when it is opened, then the error says its version, those that can be read, and to start the newer program', () => {
  const { dir, file } = log()
  change(file, 'PRAGMA user_version = 7')
  const said = saidUntouched(dir, file)
  assert.match(said, 'it is a log of version 7, and this program reads versions 1 and 2')
  assert.match(said, 'start that one')
  assert.not.match(said, '.recover')
  assert.not.match(said, 'Restore a backup')
})

test('given the database of another program, when it is opened, then the error says that it is no log, and no table is added to it', () => {
  const dir = fresh()
  const file = join(dir, LOG_FILE)
  change(file, 'CREATE TABLE customers (name TEXT)')
  const said = saidUntouched(dir, file)
  assert.match(said, 'it is a database of another program, with a table customers')
  assert.not.match(said, '.recover')
})

test('given a file that is no database, when it is opened, then the error says that it is no log', () => {
  const dir = fresh()
  const file = join(dir, LOG_FILE)
  writeFileSync(file, 'Dear diary, '.repeat(1_000))
  assert.match(saidUntouched(dir, file), 'it is no database')
})

test('given a damaged log, when it is opened, then the error says to restore a backup, and how to look for what can be saved', () => {
  const { dir, file } = log()
  const bytes = readFileSync(file)
  writeFileSync(file, bytes.fill(7, 8192))
  const said = saidUntouched(dir, file)
  assert.match(said, 'Restore a backup')
  assert.match(said, '.recover')
})

test('given a log whose file is gone, when it is opened, then the error says what is missing, and how to go on without it', () => {
  const { dir, file } = log()
  writeFileSync(join(dir, MARK_FILE), '0000000000000128\n')
  rmSync(file)
  const said = saidOf(dir)
  assert.match(said, `${MARK_FILE} says that it was`)
  assert.match(said, 'bring all of its files')
  assert.not.match(said, '.recover')
})

test('given a log that another program has locked, when it is opened, then the error says to end that program', () => {
  const { dir, file } = log()
  const other = new DatabaseSync(file)
  other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  assert.match(saidOf(dir), 'locked by another program')
  other.close()
  assert.is(saidOf(dir), 'it was opened')
})

test('given a directory that another node uses, when it is opened, then the error names that node', () => {
  const { dir } = log()
  const storage = openStorage(dir)
  assert.match(saidOf(dir), 'Another node has')
  storage.close()
})

test('given a lock file that is no lock, when the log is opened, then the error blames that file, and not the log', () => {
  const { dir } = log()
  writeFileSync(join(dir, 'node.lock'), 'x'.repeat(4096))
  assert.match(saidOf(dir), "node.lock is not a node's lock")
})

test('given a path that leads to a file, when it is opened, then the error says that it is no directory', () => {
  const file = join(fresh(), 'file')
  writeFileSync(file, '')
  assert.match(saidOf(file), 'is no directory')
  assert.match(saidOf(join(file, 'in')), 'is no directory')
})

test('given a log that this user can’t write to, when it is opened, then the error says who has to own it, and not that the log is damaged', () => {
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

test('given a full disk, when a log is opened, then the error says that the disk is full, and not that the log is damaged', () => {
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

test('given a log of the first version, when it is opened, then it becomes one of the latest version', () => {
  const { dir, file } = log()
  change(file, 'DROP TABLE stream_index; ALTER TABLE events DROP COLUMN crc; PRAGMA user_version = 1')
  assert.is(saidOf(dir), 'it was opened')
  const db = new DatabaseSync(file)
  assert.is(db.prepare('PRAGMA user_version').get()?.user_version, 3)
  db.close()
})

test('given a backup of a newer version, and a file that is no backup, when they are restored, then the error says what each is', async () => {
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

test('given a node whose lock was deleted by hand, when a second node is started, then it is refused until the first is closed', () => {
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
