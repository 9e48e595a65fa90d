"""tools/weights/dlib_text.py on a text that dlib 19.24.6 compressed (compress_stream::kernel_1ea, base64)."""
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "weights"))
import dlib_text  # noqa: E402

LINES = ["SVGtwRg89BdaslOcrbgKJsXCuYsvyOzSAAAAAQAAAC3kxgBtDljYoWImo0WwwhbpyOOMOYoIdFgW", "VoEpQVS2gPsVeHIuarIlIV4QvfhzhLb5/JgAgOCUV8FwIz+E0eQt2Wmr4mFlgnLpTjWP3GwQ3r69",
         "mz5vCqoLHq4PC5Fb6gSxBXX3++76lV8Y7IAA"]
# long enough for the marker that stands after 20000 symbols; the last of the 21 is the NUL of the C string that it was made of
TEXT = bytes((b"HOG weights as text, \0"[i % 21] + (i % 997 == 0)) & 255 for i in range(25000))


def header(lines):
    return "// a header of dlib\n    std::string text()\n" + "".join(f'        sout << "{line}";\n' for line in lines) + "        sin.str(sout.str());\n"


class DlibText(unittest.TestCase):
    def test_text_of_a_header_is_what_was_compressed(self):
        self.assertEqual(dlib_text.weights(header(LINES)), TEXT)

    def test_a_header_without_text_is_told(self):
        with self.assertRaisesRegex(ValueError, "no text"):
            dlib_text.weights("int main() {}\n")

    def test_damage_anywhere_is_told(self):
        for at in range(0, 180, 7):
            text = "".join(LINES)
            with self.subTest(at=at), self.assertRaises(ValueError):
                damaged = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]
                self.assertEqual(dlib_text.weights(header([damaged])), None)

    def test_a_text_cut_off_is_told(self):
        for lines in (1, 2):
            with self.subTest(lines=lines), self.assertRaises(ValueError):
                dlib_text.weights(header(LINES[:lines]))


if __name__ == "__main__":
    unittest.main()
