using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Errors;

public sealed class VisibleTextTests
{
    [Theory]
    [InlineData("plain äöü 漢字 😀\tand\nlines\r\nof text", "plain äöü 漢字 😀\tand\nlines\r\nof text")]
    [InlineData("\u001b[2J\u001b]0;title\u0007", "␛[2J␛]0;title␇")]
    [InlineData("over\rwritten\b\0\u007f", "over␍written␈␀␡")]
    [InlineData("\u009b31m", "\\u009B31m")]
    [InlineData("a\u202egpj.exe\u2066\u200f", "a\\u202Egpj.exe\\u2066\\u200F")]
    public void Control_characters_are_shown_and_all_else_is_as_it_was(string text, string expected) =>
        Assert.Equal(expected, VisibleText.Of(text));

    [Fact]
    public void An_error_s_message_and_advice_are_shown_so_and_its_row_is_as_it_came()
    {
        var error = new CitusException("CitusRowRefused", CitusErrorKind.InvalidData, "value \u001b[2J", "Fix \u001b[2J.")
        {
            Row = new RefusedRow("f.csv", 1, "c", "\u001b[2J", null, "r"),
        };

        Assert.Equal("value ␛[2J Fix ␛[2J.", error.Message);
        Assert.Equal(("value ␛[2J", "Fix ␛[2J.", "\u001b[2J"), (error.What, error.Advice, error.Row!.Value));
    }
}
