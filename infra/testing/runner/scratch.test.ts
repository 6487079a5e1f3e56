import { strict as assert } from 'node:assert'
import { suite } from 'uvu'
import { fitsMemory } from './scratch.ts'

const scratch = suite('where a run’s files go')
const machine = {
  mounts: 'proc /proc proc rw 0 0\ntmpfs /dev/shm tmpfs rw,relatime,size=24683652k 0 0\n',
  meminfo: 'MemTotal: 24683652 kB\nMemAvailable: 20000000 kB\n',
  room: 20e9,
}

scratch('given memory with room, then they go there', () => assert.equal(fitsMemory(machine), true))
scratch(
  'given little room, little memory, a folder from which nothing is run, or none, then they go to the disk',
  () => {
    for (const other of [
      { room: 64 * 2 ** 20 },
      { meminfo: 'MemAvailable: 8000000 kB\n' },
      { meminfo: '' },
      { mounts: 'tmpfs /dev/shm tmpfs rw,nosuid,nodev,noexec,relatime 0 0\n' },
      { mounts: '' },
    ])
      assert.equal(fitsMemory({ ...machine, ...other }), false, JSON.stringify(other))
  },
)
scratch.run()
