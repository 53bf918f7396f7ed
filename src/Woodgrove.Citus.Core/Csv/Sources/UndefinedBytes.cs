using System.Buffers;
using System.Text;

namespace Woodgrove.Citus.Csv.Sources;

/// <summary>
/// What an encoding leaves undefined, though .NET's decoder of it gives a character: a control character of the C1 range,
/// or one of the private use area. PostgreSQL's own conversions refuse such bytes.
/// </summary>
internal static class UndefinedBytes
{
    private static readonly SearchValues<char> Substitutes = SearchValues.Create(
        [.. Enumerable.Range(0x80, 0x20).Concat(Enumerable.Range(0xF8F0, 0x10)).Select(c => (char)c)]);

    /// <summary>The undefined bytes of an encoding with one byte for each character; null for other encodings.</summary>
    public static SearchValues<byte>? Of(Encoding encoding)
    {
        if (!encoding.IsSingleByte) return null;
        var undefined = new List<byte>();
        for (int value = 0x80; value <= 0xFF; value++)
        {
            byte b = (byte)value;
            if (IsUndefined(encoding, b, encoding.GetString([b])[0])) undefined.Add(b);
        }
        return SearchValues.Create([.. undefined]);
    }

    /// <summary>
    /// The characters that stand for undefined bytes of an encoding with several bytes for a character; null where
    /// there are none.
    /// </summary>
    public static SearchValues<char>? SubstitutesOf(Encoding encoding) =>
        // 54936: GB18030 has all of Unicode
        encoding.IsSingleByte || encoding is UnicodeEncoding or UTF32Encoding || encoding.CodePage == 54936 ? null : Substitutes;

    private static bool IsUndefined(Encoding encoding, byte b, char character) => character switch
    {
        // ISO 8859 defines the C1 controls; EBCDIC, which is not an extension of ASCII, has them too.
        < '\u00A0' => !encoding.WebName.StartsWith("iso-8859", StringComparison.Ordinal) && encoding.GetString("A"u8) == "A",
        >= '\uE000' and < '\uF8FF' => true, // U+F8FF is the logo in Apple's encodings
        _ => encoding.CodePage == 1255 && b == 0xCA, // which Microsoft added later, and PostgreSQL does not take
    };
}
