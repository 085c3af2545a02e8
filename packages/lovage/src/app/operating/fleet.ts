/** The implementation of operators' commands is loaded with the first of them: a program that only sends never needs it. */
export const fleet = () => import('../fleet/index.js')
