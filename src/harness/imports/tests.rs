use super::*;

fn of(text: &str) -> Vec<String> {
    leading(&[text])
}

#[test]
fn imports_of_every_form_are_found_in_order() {
    let text = "#!/usr/bin/python\n'''Doc\nimport no'''\nfrom __future__ import annotations\n\
        import os, sys as s; import a.b.c\nfrom x.y import (z,  # why\n    w as v,\n)\n\
        from d import \\\n    e\nimport os\n";
    assert_eq!(
        of(text),
        ["os", "sys", "a.b.c", "x.y", "x.y:z", "x.y:w", "d", "d:e"]
    );
}

#[test]
fn quiet_statements_are_passed_and_all_others_end_it() {
    for quiet in [
        "X = 3",
        "X = Y = -1.5e-3",
        "TABLE = {'a': [1, (2, 3)], 'b': None}; N = 60 * 60 * 24",
        "NAMES = [X, Y]",
        "def f(a, *b, c=1, d: int = 2, e: str, **k) -> None:\n  import no\n  return g(\n1)",
        "def f(a, /, b, *, c): return x.y()",
        "async def f(): pass",
        "from typing import List, Optional as O\ndef f(a: List[int], b: O[str] = None) -> dict[str, int]: pass",
        "if __name__ == '__main__':\n    main()\n    import no",
        "'text' \"more\"",
        "pass",
        "def f():\n    s = f\"{x['}']:{y}>{'#'}10}\" + f'{a!r:^{w}} {{ {b[\"c\"]} }}' + rf'\\{n}'\n    return 'import no'",
        "def f():\n  '''\nimport no\n'''\n",
        "X = '\\\nimport no'",
        "def f():\n    return '''a''' ''\n",
    ] {
        let text = format!("{quiet}\nimport yes\n");
        let found = of(&text);
        assert_eq!(found.last().map(String::as_str), Some("yes"), "{quiet}");
        assert!(!found.contains(&"no".to_owned()), "{quiet}");
    }
    for loud in [
        "f()",
        "X = f()",
        "X = a.b",
        "X = a[0]",
        "X = [1][0]",
        "X = f'{y}'",
        "X = a + b",
        "X = [y for y in z]",
        "X = lambda: 1",
        "X = a if b else c",
        "X = not a",
        "X += 1",
        "X: int = 1",
        "x.y = 1",
        "X[0] = 1",
        "a, b = c",
        "__name__ = '__main__'",
        "import a as __builtins__",
        "list = 3",
        "class A: pass",
        "@d\ndef f(): pass",
        "def f(a=g()): pass",
        "def f(a=b.c): pass",
        "def f(a: x.y): pass",
        "def f(a: L[int]): pass",
        "def f(a) -> g(): pass",
        "def f[T](a): pass",
        "from typing import List\nList = x\ndef f(a: List[int]): pass",
        "try:\n    import no\nexcept ImportError: pass",
        "if X:\n    import no",
        "if __name__ == '__main__': import no",
        "if __name__ == '__main__' or f():\n    pass",
        "if __name__ == '__main__':\n    pass\nelse:\n    f()",
        "with x: pass",
        "from . import a",
        "from .a import b",
        "from a import *",
        "import ａ",
        "print(1)\\\n",
        "X = 1if y else 2",
        "del X",
        "(f())",
        "f\"{g()}\"",
        "1 .real",
        "type X = int",
    ] {
        let text = format!("{loud}\nimport yes\n");
        assert!(!of(&text).contains(&"yes".to_owned()), "{loud}");
    }
}

#[test]
fn strings_and_lines_are_never_taken_for_each_other() {
    for text in [
        "X = '''\nimport no\n'''",
        "X = (\n'a'\n)\nY = [\n1,\nimport no]",
        "def f():\n    x = \"\\\"\"\n    y = '''\nimport no\n    '''",
        "def f():\n    return f'''{\n'''\nimport no\n''' }'''\n",
        "def f():\n    return f\"{\"\"\"\nimport no\n\"\"\"}\"\n",
        "def f():\n    return f'\\N{LATIN SMALL LETTER A}' '''\nimport no'''\n",
        "def f():\n    return rf'\\N{x}' '''\nimport no'''\n",
        "# '''\nX = 1 # '''\n\"\"\"\nimport no\n\"\"\"",
        "X = r'\\\\' '''\nimport no\n'''",
        "X = b'''\nimport no'''",
        "X = '\nimport no",
        "  import no",
        "def f():\n\timport no\n        import no",
        "def f():\n  a\n \\\nimport no\n",
    ] {
        assert_eq!(of(text), [] as [&str; 0], "{text}");
    }
}

#[test]
fn texts_go_on_into_the_next_when_they_are_quiet() {
    assert_eq!(
        leading(&["import a", "", "import b\nf()", "import c"]),
        ["a", "b"]
    );
    assert_eq!(leading(&["import a\nX = (", "import b"]), ["a"]);
}

#[test]
fn nothing_is_endless() {
    let many: String = (0..1000).map(|n| format!("import m{n}\n")).collect();
    assert_eq!(of(&many).len(), MOST);
    let deep = "(".repeat(100_000);
    assert!(of(&format!("import a\nx = {deep}")).len() == 1);
    let nested = "f'{".repeat(100_000) + &"f\"{".repeat(100_000);
    assert!(of(&format!("import a\nx = {nested}")).len() == 1);
    assert!(of(&("import a\n#".to_owned() + &"x".repeat(LONGEST))).is_empty());
}
