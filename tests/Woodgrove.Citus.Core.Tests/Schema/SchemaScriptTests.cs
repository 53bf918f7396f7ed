using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Schema;

namespace Woodgrove.Citus.Core.Tests.Schema;

public sealed class SchemaScriptTests
{
    private static readonly SchemaObject Table = new()
    {
        Kind = SchemaObjectKind.DistributedTable, Name = "bank.\"Odd 'name'\"", Sql = "SELECT 1;\nSELECT 2;", DependsOn = ["bank.users"],
        Properties = [new("ShardCount", "32"), new("ColocatedWith", null)], Note = "a\nnote",
    };

    [Fact]
    public void What_is_written_is_read_back()
    {
        SchemaObject read = Assert.Single(SchemaScript.Read(SchemaScript.Write([Table], "here"), "file"));

        Assert.Equal((Table.Kind, Table.Name, Table.Sql, Table.Note), (read.Kind, read.Name, read.Sql, read.Note));
        Assert.Equal(Table.DependsOn, read.DependsOn);
        Assert.Equal(Table.Properties, read.Properties);
    }

    [Fact]
    public void Text_within_an_object_is_not_taken_for_an_object_of_another_script()
    {
        string other = SchemaScript.Write([Table], "here");
        var function = new SchemaObject { Kind = SchemaObjectKind.Function, Name = "f()", Sql = $"CREATE FUNCTION f() AS $$\n{other}$$;" };

        Assert.Equal(function.Sql, Assert.Single(SchemaScript.Read(SchemaScript.Write([function], "here"), "file")).Sql);
    }

    [Theory, InlineData("\n"), InlineData("\r\n")]
    public void Line_ends_within_bodies_and_literals_are_kept_whatever_those_of_the_file(string fileEnd)
    {
        string sql = "SELECT 'a\rb\fc\u0085d\u2028e\u2029f';\nSELECT 1;";
        string script = SchemaScript.Write([Table with { Sql = sql, Note = null }], "here").Replace("\n", fileEnd, StringComparison.Ordinal);

        Assert.Equal(sql, Assert.Single(SchemaScript.Read(script, "file")).Sql);
    }

    [Fact]
    public void Carriage_returns_before_line_feeds_are_kept()
    {
        const string sql = "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$\r\nSELECT 'a\r\nb'\r\n$$;";

        Assert.Equal(sql, Assert.Single(SchemaScript.Read(SchemaScript.Write([Table with { Sql = sql }], "here"), "file")).Sql);
    }

    [Fact]
    public void Another_script_is_refused() => Assert.Equal("CitusNotASchemaScript",
        Assert.Throws<CitusException>(() => SchemaScript.Read("SELECT 1;", "file")).ErrorId);

    [Fact]
    public void A_dump_is_taken_apart_by_its_own_comments_alone()
    {
        const string dump = """
            --
            -- PostgreSQL database dump
            --

            \restrict abc

            SET statement_timeout = 0;

            --
            -- Name: f(); Type: FUNCTION; Schema: public; Owner: -
            --

            CREATE FUNCTION public.f() RETURNS void LANGUAGE sql AS $$
            --
            -- Name: evil; Type: TABLE; Schema: public; Owner: -
            --
            SET default_table_access_method = evil;
            $$;


            SET default_tablespace = '';

            SET default_table_access_method = columnar;

            --
            -- Name: Odd; name; Type: TABLE; Schema: bank; Owner: -
            --

            CREATE TABLE bank."Odd; name" (
                id bigint
            );


            --
            -- PostgreSQL database dump complete
            --

            \unrestrict abc
            """;

        List<DumpEntry> entries = DumpEntry.Read(dump);

        Assert.Equal([("FUNCTION", "f()"), ("TABLE", "Odd; name")], entries.Select(e => (e.Type, e.Tag)));
        Assert.StartsWith("CREATE FUNCTION", entries[0].Sql);
        Assert.EndsWith("evil;\n$$;", entries[0].Sql);
        Assert.Equal("SET default_table_access_method = columnar;\nCREATE TABLE bank.\"Odd; name\" (\n    id bigint\n);\n"
            + "SET default_table_access_method = heap;", entries[1].Sql);
    }
}
