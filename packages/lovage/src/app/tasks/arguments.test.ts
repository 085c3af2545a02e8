import { describe, expect, test } from 'vitest'
import { bindNamed, bindPositional } from './arguments.js'

const signature = { task: 't', params: ['x', 'y', 'z'] }

describe('positional arguments', () => {
  test('take keyword arguments into their places', () => {
    expect(bindPositional(signature, [1], { z: 3 })).toEqual([1, undefined, 3])
    expect(bindPositional(signature, [], { y: 2, x: 1 })).toEqual([1, 2])
  })
  test('may be more than are named (`*rest`), beside keywords that are left to the context (`**more`)', () => {
    const open = { task: 't', params: ['x', '*rest', '**more'] }
    expect(bindPositional(open, [1, 2, 3], { unit: 'cm' })).toEqual([1, 2, 3])
    expect(bindPositional(open, [], { x: 1, unit: 'cm' })).toEqual([1])
    expect(() => bindPositional(open, [1, 2], { x: 1 })).toThrow(/multiple values for argument x/)
    expect(() => bindPositional({ task: 't', params: ['x', '*rest'] }, [1, 2], { y: 1 })).toThrow(
      /unexpected/,
    )
    expect(() => bindPositional({ task: 't', params: ['x', '**more'] }, [1, 2], { y: 1 })).toThrow(
      /takes 1 argument /,
    )
  })
  test('refuse what does not fit, in Python’s words', () => {
    expect(() => bindPositional(signature, [1], { x: 2 })).toThrow(/multiple values for argument x/)
    expect(() => bindPositional(signature, [], { w: 2 })).toThrow(
      /unexpected keyword argument w; it knows x, y, z/,
    )
    expect(() => bindPositional(signature, [1, 2, 3, 4], {})).toThrow(
      /takes 3 arguments \(x, y, z\), but 4 were given/,
    )
    expect(() => bindPositional({ task: 't', params: undefined }, [], { x: 1 })).toThrow(
      /takes positional arguments/,
    )
  })
})

describe('named arguments', () => {
  test('are filled by positional ones in the order of params', () => {
    expect(bindNamed(signature, [1, 2], { z: 3 })).toEqual({ x: 1, y: 2, z: 3 })
    expect(() => bindNamed(signature, [1], { x: 2 })).toThrow(/multiple values/)
  })
  test('may be one plain object, as a chain passes it on', () => {
    expect(bindNamed({ task: 't', params: undefined }, [{ x: 1, y: 2 }], { y: 3 })).toEqual({ x: 1, y: 3 })
    expect(() => bindNamed({ task: 't', params: undefined }, [5], {})).toThrow(/takes named arguments/)
  })
})
