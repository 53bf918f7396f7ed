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
    [InlineData("text", "character varying(20)", true, "text", "character varying")]
    [InlineData("numeric(10,2)", "numeric", true, "numeric")]
    [InlineData("numeric(3,-2)", "numeric(4,-2)", true, "numeric", "numeric")]
    [InlineData("timestamp(3) without time zone", "timestamp without time zone", true, "timestamp without time zone")]
    [InlineData("interval day to second(3)", "interval", true, "interval")]
    [InlineData("geometry(Point,4326)", "public.geometry", true, "postgis: geometry", "postgis: geometry")]
    [InlineData("public.hstore[]", "extensions.hstore[]", true, "hstore: hstore[]", "hstore: hstore[]")]
    [InlineData("public.hstore", "extensions.citext", false, "hstore: hstore", "citext: citext")]
    [InlineData("character varying(20)[]", "character varying(30)[]", true, "character varying[]", "character varying[]")]
    [InlineData("character(4)", "character(4)", true, "character", "character")]
    [InlineData("character(4)", "character(5)", false, "character", "character")]
    [InlineData("character(4)", "bpchar", false, "character", "character")]
    [InlineData("character(4)[]", "character(5)[]", false, "character[]", "character[]")]
    [InlineData("character(4)", "text", false, "character")]
    [InlineData("timestamp without time zone", "timestamp with time zone", false)]
    [InlineData("json", "jsonb", false)]
    [InlineData("real", "double precision", false)]
    [InlineData("integer", "numeric", false)]
    [InlineData("public.mood", "app.mood", false)]
    public void Types_whose_equal_values_have_equal_texts_are_compared(string source, string target, bool isCompared,
        string? sourceKind = null, string? targetKind = null)
    {
        ComparedType from = new(source, sourceKind ?? source), to = new(target, targetKind ?? target);
        Assert.Equal(isCompared, from.WritesAlike(to));
        Assert.Equal(isCompared, to.WritesAlike(from));
    }
}
