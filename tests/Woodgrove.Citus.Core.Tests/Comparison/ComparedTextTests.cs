using Woodgrove.Citus.Comparison;

namespace Woodgrove.Citus.Core.Tests.Comparison;

/// <summary>The texts by which rows are compared.</summary>
public sealed class ComparedTextTests
{
    [Theory]
    [InlineData("()", new string?[] { null })]
    [InlineData("(1)", new[] { "1" })]
    [InlineData("(,)", new string?[] { null, null })]
    [InlineData("(1,\"\",NULL,)", new[] { "1", "", "NULL", null })]
    [InlineData("(\"a,b\",\"say \"\"x\"\"\",\"c:\\\\d\",\"(1,\"\"(2)\"\")\")", new[] { "a,b", "say \"x\"", "c:\\d", "(1,\"(2)\")" })]
    [InlineData("(\"a\nb\",\" \",é)", new[] { "a\nb", " ", "é" })]
    public void A_row_s_text_is_read_as_PostgreSQL_writes_it(string text, string?[] values) =>
        Assert.Equal(values, RecordText.Parse(text));

    [Theory]
    [InlineData("bigint", "bigint", true)]
    [InlineData("integer", "bigint", true)]
    [InlineData("text", "character varying(20)", true)]
    [InlineData("numeric(10,2)", "numeric", true)]
    [InlineData("numeric(3,-2)", "numeric(4,-2)", true)]
    [InlineData("timestamp(3) without time zone", "timestamp without time zone", true)]
    [InlineData("character varying(20)[]", "character varying(30)[]", true)]
    [InlineData("character(4)", "character(4)", true)]
    [InlineData("character(4)", "character(5)", false)]
    [InlineData("character(4)[]", "character(5)[]", false)]
    [InlineData("character(4)", "text", false)]
    [InlineData("timestamp without time zone", "timestamp with time zone", false)]
    [InlineData("json", "jsonb", false)]
    [InlineData("real", "double precision", false)]
    [InlineData("integer", "numeric", false)]
    [InlineData("public.mood", "app.mood", false)]
    public void Types_whose_equal_values_have_equal_texts_are_compared(string source, string target, bool isCompared)
    {
        Assert.Equal(isCompared, ComparedColumns.WritesAlike(source, target));
        Assert.Equal(isCompared, ComparedColumns.WritesAlike(target, source));
    }
}
