/** Never returns, and never looks whether it shall. */
export default function deaf() {
  for (;;);
}
