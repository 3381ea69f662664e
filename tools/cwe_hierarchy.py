#!/usr/bin/env python3
"""Makes src/scan/cwe/hierarchy.toml: MITRE's weaknesses with their names and their parents.

    pip download cwe2==3.0.0 --no-deps && tools/cwe_hierarchy.py cwe2-3.0.0-py3-none-any.whl > src/scan/cwe/hierarchy.toml

Takes MITRE's catalogue in XML (`cwec_v*.xml`), or a wheel of the Python package cwe2, which brings it with its terms of use.
Nothing but numbers, names and relations is taken over. The same catalogue gives the same bytes.
"""

import argparse
import re
import sys
import textwrap
import xml.etree.ElementTree
import zipfile

SPACE = "{http://cwe.mitre.org/cwe-7}"
VIEW = "1000"

HEADER = """\
# MITRE's weaknesses: number, name and parents, for counts that are rolled up from kinds of a weakness to the weakness.
# Made by tools/cwe_hierarchy.py from %(source)s; do not edit.
#
# CWE %(version)s of %(date)s, all %(count)d weaknesses, deprecated ones included. The parents are those of the Research view
# (CWE-%(view)s): relations `ChildOf`, MITRE's primary parent first, the others by number. Categories and views are no
# weaknesses and not here.
#
# Common Weakness Enumeration (CWE), https://cwe.mitre.org. Copyright (C) 2006-%(year)s, The MITRE Corporation. CWE and
# the CWE logo are trademarks of The MITRE Corporation. MITRE's terms of use ask for this text in every copy:
#
%(terms)s
"""

# https://cwe.mitre.org/about/termsofuse.html, as the package cwe2 brings it (cwe-tou.LICENSE).
TERMS = [
    "CWE Usage: MITRE hereby grants you a non-exclusive, royalty-free license to use CWE for research, development, and "
    "commercial purposes. Any copy you make for such purposes is authorized on the condition that you reproduce MITRE's "
    "copyright designation and this license in any such copy.",
    "DISCLAIMERS",
    'ALL DOCUMENTS AND THE INFORMATION CONTAINED IN THE CWE ARE PROVIDED ON AN "AS IS" BASIS AND THE CONTRIBUTOR, THE '
    "ORGANIZATION HE/SHE REPRESENTS OR IS SPONSORED BY (IF ANY), THE MITRE CORPORATION, ITS BOARD OF TRUSTEES, OFFICERS, "
    "AGENTS, AND EMPLOYEES, DISCLAIM ALL WARRANTIES, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO ANY WARRANTY THAT "
    "THE USE OF THE INFORMATION THEREIN WILL NOT INFRINGE ANY RIGHTS OR ANY IMPLIED WARRANTIES OF MERCHANTABILITY OR "
    "FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT.",
    "IN NO EVENT SHALL THE CONTRIBUTOR, THE ORGANIZATION HE/SHE REPRESENTS OR IS SPONSORED BY (IF ANY), THE MITRE "
    "CORPORATION, ITS BOARD OF TRUSTEES, OFFICERS, AGENTS, AND EMPLOYEES BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER "
    "LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE "
    "INFORMATION OR THE USE OR OTHER DEALINGS IN THE CWE.",
]


def catalogue(path):
    """The catalogue's XML, and in words where it comes from."""
    if not zipfile.is_zipfile(path):
        with open(path, "rb") as file:
            return xml.etree.ElementTree.fromstring(file.read()), "MITRE's catalogue in XML"
    with zipfile.ZipFile(path) as wheel:
        names = [name for name in wheel.namelist() if re.search(r"cwec_v[0-9.]+\.xml$", name)]
        meta = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        if len(names) != 1 or len(meta) != 1:
            sys.exit("%s: %d catalogues (cwec_v*.xml) where one is expected; name a wheel of cwe2" % (path, len(names)))
        text = wheel.read(meta[0]).decode()
        name, version = (re.search("(?m)^%s: (.*)$" % key, text).group(1).strip() for key in ("Name", "Version"))
        source = "%s in the Python package %s %s" % (names[0].rsplit("/", 1)[-1], name, version)
        return xml.etree.ElementTree.fromstring(wheel.read(names[0])), source


def weaknesses(root):
    found = {}
    for weakness in root.iter(SPACE + "Weakness"):
        relations = weakness.findall("%sRelated_Weaknesses/%sRelated_Weakness" % (SPACE, SPACE))
        parents = {}
        for relation in relations:
            if relation.get("View_ID") == VIEW and relation.get("Nature") == "ChildOf":
                parent = int(relation.get("CWE_ID"))
                parents[parent] = parents.get(parent, False) or relation.get("Ordinal") == "Primary"
        number = int(weakness.get("ID"))
        order = sorted(parents, key=lambda parent: (not parents[parent], parent))
        found[number] = (" ".join(weakness.get("Name").split()), order)
    return found


def toml_text(text):
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalogue")
    root, source = catalogue(parser.parse_args().catalogue)
    found = weaknesses(root)
    strangers = {parent for _, parents in found.values() for parent in parents} - set(found)
    if not found or strangers:
        sys.exit("this is no whole catalogue: %d weaknesses, unknown parents %s" % (len(found), sorted(strangers)))
    wrap = textwrap.TextWrapper(width=118, initial_indent="#   ", subsequent_indent="#   ")
    date = root.get("Date")
    print(HEADER % {
        "source": source, "version": root.get("Version"), "date": date, "year": date[:4], "count": len(found), "view": VIEW,
        "terms": "\n#\n".join(wrap.fill(part) for part in TERMS),
    })
    print("version = %s\n\n[weaknesses]" % toml_text(root.get("Version")))
    for number, (name, parents) in sorted(found.items()):
        of = ", parents = %s" % parents if parents else ""
        print("%d = { name = %s%s }" % (number, toml_text(name), of))


if __name__ == "__main__":
    main()
