using System.Text.Json;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Connections;

/// <summary>
/// Access tokens that serve as passwords, fetched afresh when the last one is about to expire: a session opened
/// late in a long load needs another than its first.
/// </summary>
/// <param name="fetch">Gets a token from whoever issues them.</param>
internal sealed class AccessTokens(Func<CancellationToken, Task<string>> fetch) : IDisposable
{
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(5);

    private readonly SemaphoreSlim _gate = new(1);
    private string? _token;
    private DateTimeOffset _useUntil;

    /// <summary>The last token, or a new one; of many that ask at the same time one fetches.</summary>
    public async ValueTask<string> GetAsync(CancellationToken stop)
    {
        await _gate.WaitAsync(stop);
        try
        {
            if (_token is null || DateTimeOffset.UtcNow >= _useUntil)
            {
                _token = await fetch(stop);
                _useUntil = (ExpiryOf(_token) ?? DateTimeOffset.UtcNow + (2 * Margin)) - Margin;
            }
            return _token;
        }
        catch (Exception e) when (e is not CitusException and not OperationCanceledException)
        {
            throw ConnectionErrors.NoToken(e);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Fetches a new one next time: the server refused this one.</summary>
    public void Forget() => _useUntil = DateTimeOffset.MinValue;

    public void Dispose() => _gate.Dispose();

    /// <summary>The <c>exp</c> of a JSON web token, or null where it is none.</summary>
    internal static DateTimeOffset? ExpiryOf(string token)
    {
        if (token.Split('.') is not [_, var payload, _]) return null;
        try
        {
            string base64 = payload.Replace('-', '+').Replace('_', '/');
            using JsonDocument claims = JsonDocument.Parse(Convert.FromBase64String(base64.PadRight((base64.Length + 3) / 4 * 4, '=')));
            return claims.RootElement.TryGetProperty("exp", out JsonElement exp) ? DateTimeOffset.FromUnixTimeSeconds(exp.GetInt64())
                : null;
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
