using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Core.Tests.Tables;

public sealed class TableNameTests
{
    [Theory]
    [InlineData("payment_events", null, "payment_events")]
    [InlineData("Payment_Events", null, "payment_events")]
    [InlineData("bank.payment_events", "bank", "payment_events")]
    [InlineData("Bank.Events", "bank", "events")]
    [InlineData("\"Bank\".Events", "Bank", "events")]
    [InlineData("\"Odd Name\"", null, "Odd Name")]
    [InlineData("\"dotted.name\"", null, "dotted.name")]
    [InlineData("bank.\"say \"\"hi\"\"\"", "bank", "say \"hi\"")]
    [InlineData("größe", null, "größe")]
    [InlineData("t$1", null, "t$1")]
    public void Names_are_read_as_SQL_reads_them(string text, string? schema, string name)
    {
        TableName parsed = TableName.Parse(text);

        Assert.Equal((schema, name), (parsed.Schema, parsed.Name));
    }

    [Theory]
    [InlineData("we\"ird; drop table x; --")]
    [InlineData("odd name")]
    [InlineData("a.b.c")]
    [InlineData("a.")]
    [InlineData(".a")]
    [InlineData("\"open")]
    [InlineData("\"\"")]
    [InlineData("1st")]
    [InlineData("it's")]
    public void What_is_no_SQL_name_is_one_table_s_name_as_it_stands(string text)
    {
        TableName parsed = TableName.Parse(text);

        Assert.Equal((null, text), (parsed.Schema, parsed.Name));
        Assert.Equal($"\"{text.Replace("\"", "\"\"")}\"", parsed.Sql);
    }

    [Fact]
    public void A_hostile_name_stays_one_quoted_identifier()
    {
        Assert.Equal("\"we\"\"ird; drop table x; --\"", TableName.Parse("we\"ird; drop table x; --").Sql);
    }

    [Fact]
    public void The_exact_reading_keeps_the_case_that_was_written()
    {
        TableName name = TableName.Parse("Bank.PaymentEvents");

        Assert.Equal("\"bank\".\"paymentevents\"", name.Sql);
        Assert.Equal("\"Bank\".\"PaymentEvents\"", name.ExactSql);
    }

    [Theory]
    [InlineData("payment_events", "payment_events")]
    [InlineData("\"Odd Name\"", "\"Odd Name\"")]
    [InlineData("bank.\"Odd\"", "bank.\"Odd\"")]
    [InlineData("we\"ird", "\"we\"\"ird\"")]
    public void Text_is_quoted_only_where_SQL_needs_it_and_reads_back_the_same(string text, string shown)
    {
        TableName name = TableName.Parse(text);

        Assert.Equal(shown, name.ToString());
        Assert.Equal(name.Sql, TableName.Parse(name.ToString()).Sql);
    }

    [Theory]
    [InlineData("plain", "'plain'")]
    [InlineData("it's", "'it''s'")]
    [InlineData("\\", "E'\\\\'")]
    [InlineData("'\\", "E'''\\\\'")]
    public void Literals_are_quoted_whatever_standard_conforming_strings_says(string text, string sql) =>
        Assert.Equal(sql, TableName.Literal(text));

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    public void A_blank_name_is_refused(string text) => Assert.Throws<ArgumentException>(() => TableName.Parse(text));
}
