// A customer wants a person to look at an automatic decline: the number of their application goes to
// the underwriters. What became of it is said until the agent turns to another conversation.

import { moment } from "/console/draw.js";
import { $, ask, say } from "/console/frame.js";

export async function lookAgain(event, shown, words) {
  event.preventDefault();
  const [id, asked] = [shown()?.id, $("look-id").value.trim()];
  if (!id || !asked) return;
  forgetLook();
  try {
    const seen = await ask("POST", `/conversations/${encodeURIComponent(id)}/human-look`, { application_id: asked });
    if (shown()?.id !== id) return;
    $("look-said").textContent = words().looked(moment(seen.decided).slice(0, 16), seen.verdict);
    $("look").reset();
  } catch (error) {
    if (shown()?.id === id) say($("look-problem"), error);
  }
}

export function forgetLook() {
  $("look-said").textContent = "";
  say($("look-problem"), null);
}
