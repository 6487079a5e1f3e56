import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createCounted } from './counted.ts'

const test = suite('counts that many ask for')

/** A count that ends when the test ends it. */
const given = () => {
  const clock = { ms: 0 }
  const asked: Array<{ readonly end: (total: number) => void; readonly fail: () => void }> = []
  const counted = createCounted(() => clock.ms)
  const count = (key: string) =>
    counted(
      key,
      () =>
        new Promise<number>((resolve, reject) =>
          asked.push({ end: resolve, fail: () => reject(new Error('lost')) }),
        ),
    )
  return { clock, asked, count }
}

test('given a count under way, when others ask the same, then they share it, and another question is counted separately', async () => {
  const { asked, count } = given()
  const all = [count('posts'), count('posts'), count('documents')]
  assert.is(asked.length, 2)
  asked[0]!.end(7)
  asked[1]!.end(3)
  assert.equal(await Promise.all(all), [7, 7, 3])
})

test('given a count that took 20 ms, when it is asked for again, then it is used for 200 ms and no longer', async () => {
  const { clock, asked, count } = given()
  const first = count('posts')
  clock.ms = 20
  asked[0]!.end(7)
  await first
  clock.ms = 219
  assert.is(await count('posts'), 7)
  clock.ms = 220
  const second = count('posts')
  assert.is(asked.length, 2)
  asked[1]!.end(8)
  assert.is(await second, 8)
})

test('given a count that took 9 ms, or failed, when it is asked for again, then it is made again', async () => {
  const { clock, asked, count } = given()
  const first = count('posts')
  clock.ms = 9
  asked[0]!.end(7)
  await first
  const second = count('posts')
  assert.is(asked.length, 2)
  clock.ms = 5_000
  asked[1]!.fail()
  await second.catch(() => {})
  void count('posts')
  assert.is(asked.length, 3)
})

test('given a count that never ends, when it is asked for again after 2 s, then another is made, and shared in its place', async () => {
  const { clock, asked, count } = given()
  void count('posts')
  clock.ms = 1_999
  void count('posts')
  assert.is(asked.length, 1)
  clock.ms = 2_000
  const [second, third] = [count('posts'), count('posts')]
  assert.is(asked.length, 2)
  asked[1]!.end(8)
  assert.equal(await Promise.all([second, third]), [8, 8])
})

test.run()
