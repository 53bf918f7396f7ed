using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Errors;

public sealed class LongTextTests
{
    [Fact]
    public void A_quoted_value_is_cut_off_and_its_length_is_told()
    {
        string message = new CitusException("CitusRowRefused", CitusErrorKind.InvalidData,
            $"line 2: invalid input syntax for type integer: \"{new string('x', 40_000_000)}\". Nothing is in the table.",
            "Fix it.").Message;

        Assert.InRange(message.Length, 100, 400);
        Assert.StartsWith("line 2: invalid input syntax for type integer: \"xxx", message, StringComparison.Ordinal);
        Assert.Contains("… [40,000,000 characters]\". Nothing is in the table. Fix it.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_message_keeps_its_beginning_and_its_end()
    {
        string text = LongText.Shorten("begin " + new string('x', 100_000) + " end");

        Assert.InRange(text.Length, 1000, 5000);
        Assert.StartsWith("begin x", text, StringComparison.Ordinal);
        Assert.EndsWith("x end", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_character_is_not_cut_in_two()
    {
        for (int shift = 0; shift < 2; shift++)
        {
            string text = LongText.Shorten("\"" + new string('a', shift) + string.Concat(Enumerable.Repeat("😀", 400)) + "\"");
            Assert.Contains('…', text);
            Assert.Equal(text, System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text)));
        }
    }

    [Fact]
    public void What_is_short_stays_as_it_is() => Assert.Equal("column \"a\", value \"b\"", LongText.Shorten("column \"a\", value \"b\""));

    [Fact]
    public void A_reason_for_a_reject_file_is_short_and_its_value_whole()
    {
        string value = new('x', 1_000_000);
        var row = new RefusedRow("f.csv", 2, "n", value, "22P02", $"invalid input syntax for type integer: \"{value}\"");
        Assert.Equal(value, row.Value);
        Assert.InRange(row.Reason.Length, 100, 300);
    }
}
