using System.Buffers;
using System.Text;
using Woodgrove.Citus.Ingest.Mapping;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Core.Tests.Ingest;

/// <summary>Rows as CSV, and in COPY's binary format; what servers make of them is tested with the module.</summary>
public sealed class RowEncoderTests
{
    private static readonly TableColumn Id = Column("bigint", 20), Text = Column("text", 25), Amount = Column("numeric", 1700);

    [Fact]
    public void A_row_is_written_as_text_and_in_binary()
    {
        (string text, string? tuple) = Write([Id, Text, Amount], 5L, "say \"é\"", null);

        Assert.Equal("\"5\",\"say \"\"é\"\"\",\n", text);
        string note = Convert.ToHexString(Encoding.UTF8.GetBytes("say \"é\""));
        Assert.Equal($"0003 00000008 0000000000000005 {note.Length / 2:X8} {note} FFFFFFFF".Replace(" ", "", StringComparison.Ordinal),
            tuple);
    }

    [Theory]
    [InlineData("0", "0000000000000000")]
    [InlineData("-0.00", "0000000000000002")]
    [InlineData("12345.670", "000300010000000300010929" + "1A2C")]
    [InlineData("-0.0001", "0001FFFF400000040001")]
    [InlineData("1e6", "000100010000000000" + "64")]
    public void A_numeric_is_digits_of_base_10000_with_weight_sign_and_scale(string value, string bytes)
    {
        (_, string? tuple) = Write([Amount], value);
        Assert.Equal(bytes, tuple![12..]);
    }

    [Theory]
    [InlineData("bigint", 20, " 5")]
    [InlineData("integer", 23, "3000000000")]
    [InlineData("smallint", 21, "x")]
    [InlineData("date", 1082, "5 May 2024")]
    [InlineData("timestamp", 1114, "2024-02-30 00:00:00")]
    [InlineData("timestamptz", 1184, "2024-02-03 00:00:00")]
    [InlineData("double precision", 701, "1e-400")]
    [InlineData("real", 700, "1e39")]
    [InlineData("boolean", 16, "yes")]
    [InlineData("bytea", 17, "abc")]
    [InlineData("uuid", 2950, "{8a9b2d3c-0000-0000-0000-000000000000}")]
    [InlineData("numeric", 1700, "1_000")]
    public void What_the_server_must_judge_is_text_only(string type, uint oid, string value)
    {
        (string text, string? tuple) = Write([Id, Column(type, oid)], 1, value);
        Assert.Equal($"\"1\",\"{value}\"\n", text);
        Assert.Null(tuple);
    }

    [Fact]
    public void A_type_without_a_plain_form_keeps_all_rows_text() =>
        Assert.False(new RowEncoder([Id, Column("interval", 1186)]).HasBinary);

    private static (string Text, string? Tuple) Write(TableColumn[] columns, params object?[] values)
    {
        (var text, var tuple) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        bool plain = new RowEncoder(columns).Write(values, text, tuple);
        return (Encoding.UTF8.GetString(text.WrittenSpan), plain ? Convert.ToHexString(tuple.WrittenSpan) : null);
    }

    private static TableColumn Column(string type, uint oid) => new("c", type, oid, false, false, false, false);
}
