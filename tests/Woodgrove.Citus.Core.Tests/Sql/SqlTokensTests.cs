using Woodgrove.Citus.Queries;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Core.Tests.Sql;

public sealed class SqlTokensTests
{
    [Theory]
    [InlineData("SELECT 1 /* a /* b */ c */ + 2", "select 1 + 2")]
    [InlineData("SELECT /* a /* b */ FROM t", "select")]
    [InlineData("SELECT 1 -- /* a\n+ 2", "select 1 + 2")]
    [InlineData("SELECT '/*' || \"*/\"", "select /* | | */")]
    [InlineData("SELECT $a$ /* $$ -- $a$, E'it\\'s'", "select $a$ /* $$ -- $a$ , it's")]
    public void Comments_nest_and_stand_in_no_string(string sql, string tokens) =>
        Assert.Equal(tokens, string.Join(' ', SqlTokens.Read(sql).Select(t => t.Text)));

    [Theory]
    [InlineData("SELECT @a, '@b', \"@c\", $$@d$$ /* @e /* @f */ @g */ -- @h\n, @I", "a I")]
    [InlineData("SELECT a @> b, a <@ b, a @@ b, @@c, x@y", "")]
    [InlineData("SELECT @ a", "")]
    public void Parameters_stand_outside_strings_comments_and_operators(string sql, string names) =>
        Assert.Equal(names, string.Join(' ', InlineParameters.Names(sql)));
}
