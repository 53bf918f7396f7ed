using System.Text;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Sources;

/// <summary>Bytes that an encoding does not define are refused, with their place, as PostgreSQL refuses them.</summary>
public sealed class EncodingTests
{
    static EncodingTests() => Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);

    /// <summary>What convert_from of PostgreSQL 15 refuses, of each of its encodings with one byte for a character.</summary>
    public static TheoryData<string, string> UndefinedByPostgres => new()
    {
        { "windows-1250", "81 83 88 90 98" },
        { "windows-1251", "98" },
        { "windows-1252", "81 8D 8F 90 9D" },
        { "windows-1253", "81 88 8A 8C 8D 8E 8F 90 98 9A 9C 9D 9E 9F AA D2 FF" },
        { "windows-1254", "81 8D 8E 8F 90 9D 9E" },
        { "windows-1255", "81 8A 8C 8D 8E 8F 90 9A 9C 9D 9E 9F CA D9 DA DB DC DD DE DF FB FC FF" },
        { "windows-1256", "" },
        { "windows-1257", "81 83 88 8A 8C 90 98 9A 9C 9F A1 A5" },
        { "windows-1258", "81 8A 8D 8E 8F 90 9A 9D 9E" },
        { "windows-874", "81 82 83 84 86 87 88 89 8A 8B 8C 8D 8E 8F 90 98 99 9A 9B 9C 9D 9E 9F DB DC DD DE FC FD FE FF" },
        { "cp866", "" },
        { "iso-8859-1", "" },
        { "iso-8859-2", "" },
        { "iso-8859-3", "A5 AE BE C3 D0 E3 F0" },
        { "iso-8859-4", "" },
        { "iso-8859-5", "" },
        { "iso-8859-6", "A1 A2 A3 A5 A6 A7 A8 A9 AA AB AE AF B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 BA BC BD BE C0 DB DC DD DE DF F3 F4 F5 F6 F7 "
            + "F8 F9 FA FB FC FD FE FF" },
        // .NET has older tables of these two: A4, A5 and AA, FD and FE cannot be read rightly, and are refused too.
        { "iso-8859-7", "A4 A5 AA AE D2 FF" },
        { "iso-8859-8", "A1 BF C0 C1 C2 C3 C4 C5 C6 C7 C8 C9 CA CB CC CD CE CF D0 D1 D2 D3 D4 D5 D6 D7 D8 D9 DA DB DC DD DE FB FC FD FE "
            + "FF" },
        { "iso-8859-9", "" },
        { "iso-8859-13", "" },
        { "iso-8859-15", "" },
        { "koi8-r", "" },
        { "koi8-u", "" },
    };

    [Theory]
    [MemberData(nameof(UndefinedByPostgres))]
    public async Task Each_byte_is_taken_or_refused_as_PostgreSQL_does(string name, string undefined)
    {
        var dialect = new CsvDialect { Encoding = Encoding.GetEncoding(name) };
        var refused = new List<string>();
        for (int value = 0x80; value <= 0xFF; value++)
        {
            byte[] bytes = [.. "id,note\n1,a"u8, (byte)value, .. "b\n"u8];
            try
            {
                byte[] read = await SourceReading.ReadAllAsync(bytes, "f.csv", dialect);
                Assert.Equal(dialect.Encoding.GetString(bytes), Encoding.UTF8.GetString(read));
            }
            catch (CitusException e) when (e.ErrorId == "CitusInvalidEncoding")
            {
                Assert.Contains($"line 2: the byte 0x{value:X2} is not defined in {dialect.Encoding.WebName} (byte 11 of the file", e.What,
                    StringComparison.Ordinal);
                refused.Add($"{value:X2}");
            }
        }
        Assert.Equal(undefined, string.Join(' ', refused));
    }

    [Theory]
    [InlineData("utf-16", "id,note\n1,a", "00 D8 62 00", "0x00 0xD8", 22)] // a high surrogate before a letter
    [InlineData("utf-16", "id,note\n1,a", "00 DC 62 00", "0x00 0xDC", 22)] // a low surrogate by itself
    [InlineData("utf-16", "id,note\n1,a", "62", "0x62", 22)]               // half a character at the end
    [InlineData("utf-16", "id,note\n1,a", "00 D8", "0x00 0xD8", 22)]
    [InlineData("utf-16BE", "id,note\n1,a", "D8 00 00 62", "0xD8 0x00", 22)]
    [InlineData("utf-32", "id,note\n1,a", "00 D8 00 00", "0x00 0xD8 0x00 0x00", 44)]
    [InlineData("us-ascii", "id,note\n1,a", "E9 62", "0xE9", 11)]
    [InlineData("shift_jis", "id,note\n1,a", "81 20 62", "0x81 0x20", 11)]
    [InlineData("shift_jis", "id,note\n1,a", "FD 62", "0xFD", 11)]
    [InlineData("shift_jis", "id,note\n1,a", "81", "0x81", 11)]
    [InlineData("euc-jp", "id,note\n1,a", "FF 62", "0xFF", 11)]
    [InlineData("gb2312", "id,note\n1,a", "FF 62", "0xFF", 11)]
    [InlineData("big5", "id,note\n1,a", "80 62", "0x80", 11)]
    public async Task Invalid_bytes_are_refused_with_their_place(string name, string before, string bytes, string told, int offset)
    {
        Encoding encoding = Encoding.GetEncoding(name);
        byte[] whole = [.. encoding.GetBytes(before), .. Convert.FromHexString(bytes.Replace(" ", "", StringComparison.Ordinal))];

        CitusException refused = await Assert.ThrowsAsync<CitusException>(() => SourceReading.ReadAllAsync(whole, "f.csv",
            new CsvDialect { Encoding = encoding }));

        Assert.Equal("CitusInvalidEncoding", refused.ErrorId);
        Assert.Contains($"{told} ", refused.What, StringComparison.Ordinal);
        Assert.Contains($"(byte {offset} of the file", refused.What, StringComparison.Ordinal);
        Assert.Equal(2, refused.Row!.Line);
    }

    [Fact]
    public async Task The_place_is_right_behind_many_pieces_and_a_byte_order_mark()
    {
        byte[] rows = Encoding.Unicode.GetBytes(string.Concat(Enumerable.Range(1, 60_000).Select(i => $"{i},日本 𝄞 {i}\n")));
        byte[] whole = [0xFF, 0xFE, .. rows, 0x00, 0xDC, .. rows];

        CitusException refused = await Assert.ThrowsAsync<CitusException>(() => SourceReading.ReadAllAsync(whole, "f.csv"));

        Assert.Contains($"line 60001: the bytes 0x00 0xDC are not defined in utf-16 (byte {rows.Length + 2} of the file", refused.What,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("utf-16")]
    [InlineData("utf-32")]
    [InlineData("shift_jis")]
    [InlineData("gb18030")]
    [InlineData("windows-1252")]
    public async Task Text_of_many_pieces_is_read_whole(string name)
    {
        Encoding encoding = Encoding.GetEncoding(name);
        string characters = name switch { "windows-1252" => "é€ÿ", "shift_jis" => "日本語カ", _ => "é日𝄞" };
        string text = "id,note\n" + string.Concat(Enumerable.Range(1, 50_000).Select(i => $"{i},{characters}{new string('x', i % 5)}\r\n"));

        byte[] read = await SourceReading.ReadAllAsync(encoding.GetBytes(text), "f.csv", new CsvDialect { Encoding = encoding });

        Assert.Equal(text, Encoding.UTF8.GetString(read));
    }
}
