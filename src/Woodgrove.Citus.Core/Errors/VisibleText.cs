using System.Globalization;
using System.Text;

namespace Woodgrove.Citus.Errors;

/// <summary>
/// Text for a person to read. What comes from data, from servers and from other sessions may hold control characters, and a terminal
/// would obey them: move the cursor, change the window's title, hide text or reverse it. They are shown as symbols instead.
/// </summary>
public static class VisibleText
{
    /// <summary>
    /// The text with every control character but the tab and the line feed as a symbol, such as ␛, or as an escape,
    /// such as \u202E.
    /// </summary>
    public static string Of(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int first = 0;
        while (first < text.Length && !MustShow(text, first)) first++;
        if (first == text.Length) return text;
        var visible = new StringBuilder(text, 0, first, text.Length + 16);
        for (int i = first; i < text.Length; i++)
        {
            char c = text[i];
            if (!MustShow(text, i)) visible.Append(c);
            else if (c < ' ') visible.Append((char)(0x2400 + c));
            else if (c == '\x7F') visible.Append('\u2421');
            else visible.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
        }
        return visible.ToString();
    }

    private static bool MustShow(string text, int i) => text[i] switch
    {
        '\t' or '\n' => false,
        '\r' => i + 1 == text.Length || text[i + 1] != '\n', // by itself it goes back over what is written already
        < ' ' or (>= '\x7F' and <= '\x9F') => true,
        '\u061C' or '\u200E' or '\u200F' or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069') => true, // direction of text
        _ => false,
    };
}
