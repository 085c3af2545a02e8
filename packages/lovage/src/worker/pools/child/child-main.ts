// What a child of the prefork pool and a thread of the threads pool runs. It loads the rest with the heap kept small.
import { keepYoungHeapSmall } from '../../../process/index.js'

keepYoungHeapSmall()
await import('./serve-parent.js')
