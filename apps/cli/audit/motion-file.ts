/** The file of kept motion beside a bundle: `presence audit export --motion` and `presence audit check --motion`. */
import { textLinesOf } from '../../../adapters/text-file.ts'
import {
  blockIn,
  checkMotion,
  type KeptBlock,
  type MotionFileCheck,
  motionLines,
} from '../../operations/export/motion.ts'
import { counted, type Io } from '../command.ts'
import { fileError } from '../file-errors.ts'
import { openOutput } from '../output-file.ts'
import { plain } from '../shown.ts'

export type MotionFile = {
  readonly blocks: KeptBlock[]
  /** Ends the file; returns what to print about it. */
  readonly done: (databaseUrl: string) => Promise<string>
  readonly abandon: () => Promise<void>
}
/** Throws with a sentence. */
export const motionBeside = async (file: string, force: boolean): Promise<MotionFile> => {
  const out = await openOutput(file, { force })
  const blocks: KeptBlock[] = []
  return {
    blocks,
    done: async (databaseUrl) => {
      const written = await motionLines(databaseUrl, blocks, out.write)
      await out.done()
      return `; ${counted(written, 'block')} of motion: ${file}`
    },
    abandon: out.abandon,
  }
}
type Write = (text: string) => Promise<void>
/** Notes which blocks are mentioned in what is written. */
export const beside =
  (write: Write, motion: MotionFile | null): Write =>
  async (text) => {
    if (motion !== null && text.includes('"type":"MotionKept"'))
      for (const line of text.split('\n')) {
        const block = blockIn(line)
        if (block !== null) motion.blocks.push(block)
      }
    await write(text)
  }

export const motionHeld = async (
  bundle: string,
  file: string,
  io: Io,
): Promise<MotionFileCheck | 'unreadable'> => {
  try {
    const blocks: KeptBlock[] = []
    for await (const line of textLinesOf(bundle)) {
      const block = blockIn(line)
      if (block !== null) blocks.push(block)
    }
    const checked = await checkMotion(blocks, textLinesOf(file))
    for (const fault of checked.faults) io.err(plain(fault))
    io.out(
      `${counted(checked.blocks, 'block')} of motion, ${counted(checked.faults.length, 'fault')}; of ${checked.absent} more in the bundle the file has nothing`,
    )
    return checked
  } catch (error) {
    io.err(fileError(error, file))
    return 'unreadable'
  }
}
