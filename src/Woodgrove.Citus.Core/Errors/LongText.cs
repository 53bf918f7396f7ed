using System.Globalization;
using System.Text.RegularExpressions;

namespace Woodgrove.Citus.Errors;

/// <summary>
/// Keeps messages short. Servers quote the value that they refuse, and a value may have gigabytes: of one that is quoted the
/// first hundred characters are shown, and of a message that is long for another reason its beginning and its end.
/// </summary>
public static partial class LongText
{
    private const int Shown = 100, LongestValue = 300, LongestMessage = 4000, End = 500;

    /// <summary>The text, with long values cut off.</summary>
    public static string Shorten(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length <= LongestValue) return text;
        string shorter = Quoted().Replace(text, m => Cut(m.Value));
        return shorter.Length <= LongestMessage ? shorter : Invariant(
            $"{shorter[..Whole(shorter, LongestMessage - End)]}… [{shorter.Length - LongestMessage:N0} characters left out] …{shorter[Whole(shorter, shorter.Length - End)..]}");
    }

    private static string Cut(string quoted) =>
        Invariant($"{quoted[..Whole(quoted, Shown)]}… [{quoted.Length - 2:N0} characters]{quoted[^1]}");

    /// <summary>Not between the two halves of a character.</summary>
    private static int Whole(string text, int at) => char.IsLowSurrogate(text[at]) ? at - 1 : at;

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex("\"[^\"]{300,}\"")]
    private static partial Regex Quoted();
}
