// Subtitles of a stream as text tracks of the <video>. hls.js reads them; its own tracks need an address that the content security
// policy refuses. A text track cannot be taken away again, so a slot is used by one stream after another.

export class Subtitles {
  #slots = [];
  #shown = -1;

  constructor(video) {
    this.video = video;
  }

  /** Cues of track `index`; what is there already is not added twice. */
  add(index, cues) {
    const track = this.#slot(index);
    for (const cue of cues) {
      if (!track.cues.getCueById(cue.id)) track.addCue(cue);
    }
  }

  get shown() {
    return this.#shown;
  }

  /** Show track `index`, -1 for none. */
  show(index) {
    this.#shown = index;
    if (index !== -1) this.#slot(index);
    this.#slots.forEach((track, slot) => (track.mode = slot === index ? "showing" : "hidden"));
  }

  /** Another stream begins. */
  clear() {
    for (const track of this.#slots) {
      for (const cue of [...track.cues]) track.removeCue(cue);
    }
  }

  #slot(index) {
    while (this.#slots.length <= index) {
      const track = this.video.addTextTrack("subtitles");
      track.mode = "hidden";
      this.#slots.push(track);
    }
    return this.#slots[index];
  }
}
