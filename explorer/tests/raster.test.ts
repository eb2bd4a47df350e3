// The map's pixels.
import { describe, expect, it } from "vitest";
import { cropOf, disc, halved } from "../src/views/map/inks";
import { blit, type Frame, packed, sample, samplerOf, samplersOf } from "../src/views/map/raster";

const WHITE = 0xffffffff;

function frame(width: number, height: number): Frame {
  const pixels = new Uint32Array(width * height).fill(WHITE);
  return { image: null as unknown as ImageData, pixels, width, height };
}

function shown({ pixels, width }: Frame): string[] {
  const text = [...pixels].map((pixel) => (pixel === WHITE ? "." : "#")).join("");
  return text.match(new RegExp(`.{${width}}`, "g"))!;
}

describe("blit", () => {
  const full = new Uint8Array(4).fill(255);
  const two = { width: 2, height: 2 };

  it("lays full ink in exactly its colour, and no ink leaves what is there", () => {
    const some = frame(3, 2);
    blit(some, Uint8Array.from([255, 0, 0, 255]), two, 1, 0, packed("#d55e00"), 256);
    expect(shown(some)).toEqual([".#.", "..#"]);
    expect([...new Uint8Array(some.pixels.buffer).slice(4, 8)]).toEqual([0xd5, 0x5e, 0x00, 0xff]);
  });

  it("cuts off what lies outside", () => {
    for (const [left, top, seen] of [
      [-1, -1, ["#..", "...", "..."]],
      [2, 2, ["...", "...", "..#"]],
      [-2, 0, ["...", "...", "..."]],
      [0, 9, ["...", "...", "..."]],
    ] as const) {
      const some = frame(3, 3);
      blit(some, full, two, left, top, packed("#000000"), 256);
      expect(shown(some)).toEqual(seen);
    }
  });

  it("mixes half ink, and half opacity, with what is under it", () => {
    for (const [ink, opacity] of [
      [128, 256],
      [255, 128],
    ] as const) {
      const some = frame(1, 1);
      blit(some, Uint8Array.of(ink), { width: 1, height: 1 }, 0, 0, packed("#000000"), opacity);
      const bytes = [...new Uint8Array(some.pixels.buffer)];
      for (const byte of bytes.slice(0, 3)) expect(Math.abs(byte - 127)).toBeLessThanOrEqual(2);
      expect(bytes[3]).toBe(255);
    }
  });
});

describe("sampling", () => {
  const ramp = {
    ink: Uint8Array.from({ length: 32 }, (_, i) => 30 * (i % 4) + (i >> 4)),
    width: 4,
    height: 4,
  };

  it("keeps an image at its own size, and the second as well as the first", () => {
    const own = samplerOf(0, 4, 4);
    const out = new Uint8Array(16);
    sample(ramp, 1, own, own, out);
    expect([...out]).toEqual([...ramp.ink.slice(16)]);
  });

  it("interpolates between pixels when it is drawn larger", () => {
    const out = new Uint8Array(8);
    sample(ramp, 0, samplerOf(0, 4, 8), samplerOf(0, 4, 1), out);
    for (let i = 1; i < 8; i++) expect(out[i]!).toBeGreaterThanOrEqual(out[i - 1]!);
    expect([out[0], out[7]]).toEqual([0, 90]);
    expect(Math.abs(out[3]! - 37.5)).toBeLessThanOrEqual(1);
  });

  it("stays inside the crop", () => {
    const { at, weight } = samplerOf(3, 5, 11);
    at.forEach((from, i) => {
      expect(from).toBeGreaterThanOrEqual(3);
      expect(from + Math.sign(weight[i]!)).toBeLessThan(8);
    });
  });

  it("takes a smaller level for a smaller image", () => {
    const large = { ink: new Uint8Array(32 * 32), width: 32, height: 32 };
    const levels = [large, halved(large), halved(halved(large))];
    const crop = { left: 4, top: 4, width: 24, height: 24 };
    const widthAt = (px: number) => samplersOf(levels, crop, { width: px, height: px }).inks.width;
    expect([40, 20, 10, 3].map(widthAt)).toEqual([32, 32, 16, 8]);
    const { across } = samplersOf(levels, crop, { width: 6, height: 6 });
    expect([...across.at].every((at) => at >= 1 && at < 7)).toBe(true);
  });
});

describe("images of ink", () => {
  it("are cropped to where there is ink, the same for all", () => {
    const ink = new Uint8Array(2 * 25);
    ink[7] = 255; // row 1, column 2 of the first
    ink[25 + 18] = 255; // row 3, column 3 of the second
    expect(cropOf({ ink, width: 5, height: 5 })).toEqual({ left: 2, top: 1, width: 2, height: 3 });
    const none = { ink: new Uint8Array(50), width: 5, height: 5 };
    expect(cropOf(none)).toEqual({ left: 0, top: 0, width: 5, height: 5 });
  });

  it("keep their mean at half the size", () => {
    const ink = Uint8Array.from({ length: 2 * 16 }, (_, i) => (i * 37) % 256);
    const small = halved({ ink, width: 4, height: 4 });
    expect([small.width, small.height, small.ink.length]).toEqual([2, 2, 8]);
    expect(small.ink[0]).toBe(Math.floor((ink[0]! + ink[1]! + ink[4]! + ink[5]! + 2) / 4));
    const mean = (values: Uint8Array) =>
      values.reduce((sum, each) => sum + each, 0) / values.length;
    expect(Math.abs(mean(small.ink) - mean(ink))).toBeLessThan(1);
  });

  it("can be a dot: round, full in the middle", () => {
    const { ink, width } = disc(7);
    expect(ink[3 * width + 3]).toBe(255);
    expect(ink[0]).toBeLessThan(60);
    expect([...ink]).toEqual([...ink].reverse());
    expect(disc(0.5).ink.length).toBe(1);
  });
});
