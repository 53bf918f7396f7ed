using System.Text;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Connections;

public sealed class AccessTokenTests
{
    [Fact]
    public async Task A_token_is_used_until_five_minutes_before_it_expires()
    {
        int fetched = 0;
        using var lasting = new AccessTokens(_ => Task.FromResult(Token(DateTimeOffset.UtcNow.AddHours(1), ++fetched)));
        Assert.Equal(await lasting.GetAsync(default), await lasting.GetAsync(default));
        Assert.Equal(1, fetched);

        using var expiring = new AccessTokens(_ => Task.FromResult(Token(DateTimeOffset.UtcNow.AddMinutes(4), ++fetched)));
        Assert.NotEqual(await expiring.GetAsync(default), await expiring.GetAsync(default));
        Assert.Equal(3, fetched);
    }

    [Fact]
    public async Task A_refused_token_is_fetched_again()
    {
        int fetched = 0;
        using var tokens = new AccessTokens(_ => Task.FromResult($"opaque {++fetched}"));

        Assert.Equal("opaque 1", await tokens.GetAsync(default));
        Assert.Equal("opaque 1", await tokens.GetAsync(default));
        tokens.Forget();
        Assert.Equal("opaque 2", await tokens.GetAsync(default));
    }

    [Fact]
    public async Task Of_many_that_ask_at_once_one_fetches()
    {
        int fetched = 0;
        using var tokens = new AccessTokens(async _ =>
        {
            await Task.Delay(50);
            return $"{Interlocked.Increment(ref fetched)}";
        });

        string[] all = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => tokens.GetAsync(default).AsTask()));

        Assert.All(all, token => Assert.Equal("1", token));
    }

    [Fact]
    public async Task A_failure_to_fetch_says_whose_it_is()
    {
        using var tokens = new AccessTokens(_ => throw new InvalidOperationException("no identity here."));

        CitusException e = await Assert.ThrowsAsync<CitusException>(() => tokens.GetAsync(default).AsTask());

        Assert.Equal("CitusTokenFailed", e.ErrorId);
        Assert.Contains("gave no token: no identity here. Run it", e.Message);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("a.b.c")]
    [InlineData("a.e30.c")]
    public void What_is_no_web_token_tells_no_expiry(string token) => Assert.Null(AccessTokens.ExpiryOf(token));

    private static string Token(DateTimeOffset expiry, int serial) =>
        $"e30.{Convert.ToBase64String(Encoding.UTF8.GetBytes($$"""{"exp":{{expiry.ToUnixTimeSeconds()}},"n":{{serial}}}""")).TrimEnd('=').Replace('+', '-').Replace('/', '_')}.x";
}
