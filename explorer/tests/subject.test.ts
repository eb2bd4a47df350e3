// What files are called, what stands before their rows, and the words above a picture.
import { describe, expect, test } from "vitest";
import { wrapped } from "../src/shared/caption";
import { missText } from "../src/shared/misses";
import { fileName, subjectOf, subjectWords } from "../src/shared/subject";

const PAIR = {
  run: "ra",
  first_unit: 1,
  class: "3",
  evaluation: "published",
  units: "3,15",
};

const GROUP = {
  run: "vgg",
  first_unit: 0,
  class: null,
  site: "features.17",
  method: "mean",
  proportion: 0.25,
  top: 5,
  anchor: 5,
  draw: null,
  group: "5",
};

describe("files of a study of units", () => {
  test("are named after the run, the panel, the evaluation and the units", () => {
    expect(fileName("effects", "effects", PAIR)).toBe("ra-effects-published-3,15");
    expect(fileName("taken-for", "taken-for", PAIR)).toBe("ra-taken-for-published-3,15-class_3");
  });

  test("have as columns what the name says, counted from 0", () => {
    expect(subjectOf("map", PAIR)).toEqual({ evaluation: "published", units: "3,15" });
  });

  test("do not name units where all of them are shown", () => {
    expect(fileName("units", "units", PAIR)).toBe("ra-units-published");
    expect(subjectOf("units", PAIR)).toEqual({ evaluation: "published" });
  });

  test("say that nothing is ablated", () => {
    const intact = { ...PAIR, units: "" };
    expect(fileName("map", "map", intact)).toBe("ra-map-published-intact");
    expect(subjectOf("map", intact)).toEqual({ evaluation: "published", units: "" });
    expect(subjectWords("map", intact)).toBe("run ra · evaluation published · intact network");
  });
});

describe("files of a study of layers", () => {
  test("are named after layer, method, share and accuracy, or the group", () => {
    const name = "vgg-units-features.17-mean-proportion_0.25-top_5";
    expect(fileName("units", "units", GROUP)).toBe(name);
    const group = "vgg-map-features.17-mean-proportion_0.25-group_5";
    expect(fileName("map", "map", GROUP)).toBe(group);
    expect(fileName("map", "map", { ...GROUP, group: "random 3" })).toBe(
      group.replace("group_5", "group_random_3"),
    );
    expect(fileName("map", "map", { ...GROUP, group: "" })).toBe(
      group.replace("group_5", "intact"),
    );
  });

  test("leave out what was not told, and the random draw of a similar group", () => {
    const name = "vgg-layer-group-features.17-mean-proportion_0.25-anchor_5";
    expect(fileName("layer-group", "layer-group", GROUP)).toBe(name);
    expect(Object.keys(subjectOf("layer-group", GROUP))).not.toContain("draw");
    expect(subjectOf("units", GROUP)).not.toHaveProperty("evaluation");
  });

  test("of outcomes by example do not name an accuracy: they count top-1", () => {
    expect(subjectOf("effects", GROUP)).not.toHaveProperty("top");
    expect(subjectOf("layer-classes", GROUP)).toEqual({ method: "mean", proportion: 0.25, top: 5 });
  });
});

describe("names of files", () => {
  test("have a stem of their own where several pictures belong to a panel", () => {
    expect(fileName("drop-by-weight_l1", "score-and-drop", PAIR)).toBe(
      "ra-drop-by-weight_l1-published",
    );
  });

  test("of a panel that depends on nothing have run and panel only", () => {
    expect(fileName("figures", "figures", PAIR)).toBe("ra-figures");
    expect(subjectOf("table-effects", PAIR)).toEqual({});
  });

  test("hold nothing that a file system or a shell takes amiss", () => {
    const odd = { ...PAIR, run: "a/b c", class: '<script>"x"</script> größer' };
    const name = fileName("taken-for", "taken-for", odd);
    expect(name).toBe("a_b_c-taken-for-published-3,15-class__script_x_script_größer");
  });
});

describe("words of a picture", () => {
  test("number the units as the reader counts", () => {
    expect(subjectWords("effects", PAIR)).toBe("run ra · evaluation published · units 4, 16");
    expect(subjectWords("effects", { ...PAIR, units: "3", first_unit: 0 })).toBe(
      "run ra · evaluation published · unit 3",
    );
  });

  test("name layer, method, share and accuracy", () => {
    expect(subjectWords("layer-groups", GROUP)).toBe(
      "run vgg · site features.17 · method mean · proportion 0.25 · top 5",
    );
  });

  const widthOf = (text: string) => text.length;

  test("stand in lines that are no wider than the picture, and lose no word", () => {
    const text = "Without units 4 and 16 the network loses 6,894 and gains 80 of 10,000 examples.";
    for (const width of [10, 24, 40, 200]) {
      const lines = wrapped(text, width, widthOf);
      expect(lines.join(" ")).toBe(text);
      expect(lines.every((line) => line.length <= width)).toBe(true);
      const full = lines.slice(1).every((line, i) => {
        const [next = ""] = line.split(" ");
        return `${lines[i]} ${next}`.length > width;
      });
      expect(full).toBe(true);
    }
  });

  test("keep a word whole that is too wide, and a number with its unit", () => {
    expect(wrapped("a incomprehensible b", 5, widthOf)).toEqual(["a", "incomprehensible", "b"]);
    expect(wrapped("drop 4.20\u00a0pp", 10, widthOf)).toEqual(["drop", "4.20\u00a0pp"]);
    expect(wrapped("", 5, widthOf)).toEqual([]);
  });
});

test("a miss says what was asked for and what is shown", () => {
  expect(missText("site", "nope", "all layers")).toBe(
    "The address asks for site “nope”, which is not here; shown is all layers.",
  );
});
