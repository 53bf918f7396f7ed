using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Csv.Sources;

/// <summary>
/// What an http or https address gives. Nothing that a web server answers is believed unless it is proven to be the
/// content asked for.
/// </summary>
/// <param name="ReadTimeout">How long the server may take for its answer, and for each 64 KB of it.</param>
internal sealed record WebSource(Uri Address, TimeSpan ReadTimeout) : CsvSource(Shown(Address))
{
    private static readonly HttpClient Client = CreateClient();

    /// <summary>What was read of the content by any reading of this source.</summary>
    private readonly ReadHistory _history = new();

    internal override string Identity => Address.AbsoluteUri;

    internal override async Task<OpenedSource> OpenAsync(CancellationToken stop)
    {
        var content = new WebStream(this, new ReadHistory.Reading(_history));
        try
        {
            HttpContentHeaders headers = await content.OpenAsync(stop);
            return new OpenedSource(content)
            {
                Length = headers.ContentLength,
                MediaType = headers.ContentType?.MediaType?.ToLowerInvariant(),
                IsEncoded = headers.ContentEncoding.Any(e => e != "identity"),
                IsEndProven = content.IsEndProven,
            };
        }
        catch
        {
            await content.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks for the content.</summary>
    /// <param name="from">The offset to continue from; 0 asks for all.</param>
    /// <param name="version">With an offset: only the rest of this version is wanted.</param>
    /// <exception cref="WebFailure">The server gave no answer, or one that may be another the next time.</exception>
    /// <exception cref="CitusException">It refused.</exception>
    public async Task<HttpResponseMessage> AskAsync(long from, RangeConditionHeaderValue? version, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Address);
        if (Address.UserInfo is { Length: > 0 } user)
            request.Headers.Authorization = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(user))));
        request.Headers.AcceptEncoding.Add(new("identity"));
        if (from > 0) (request.Headers.Range, request.Headers.IfRange) = (new RangeHeaderValue(from, null), version);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(ReadTimeout);
        HttpResponseMessage answer;
        try
        {
            answer = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
        }
        catch (HttpRequestException e)
        {
            throw new WebFailure(e.Message.TrimEnd('.'), e);
        }
        catch (OperationCanceledException e) when (!stop.IsCancellationRequested)
        {
            throw WebFailure.Silence("gave no answer for", ReadTimeout, e);
        }
        if (answer.IsSuccessStatusCode || answer.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable) return answer;
        using (answer) throw await WebRefusal.ReadAsync(this, answer, ReadTimeout, stop);
    }

    private static HttpClient CreateClient()
    {
        var client = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
            { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("Woodgrove.Citus",
            typeof(CsvSource).Assembly.GetName().Version!.ToString(3)));
        return client;
    }

    /// <summary>Without the user, the password and the query, which may hold a signature.</summary>
    private static string Shown(Uri address) =>
        address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
}
