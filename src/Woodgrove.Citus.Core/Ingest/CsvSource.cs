using System.Net.Http.Headers;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest;

/// <summary>Where a CSV's bytes come from.</summary>
public abstract record CsvSource(string Name)
{
    public static CsvSource File(string path) => new FileSource(path);

    public static CsvSource Web(Uri address) => new WebSource(address);

    public sealed override string ToString() => Name;

    /// <summary>Opens it from its beginning; the length is null where it can't be known.</summary>
    internal abstract Task<(Stream Content, long? Length)> OpenAsync(CancellationToken stop);

    private sealed record FileSource(string Path) : CsvSource(Path)
    {
        internal override Task<(Stream Content, long? Length)> OpenAsync(CancellationToken stop)
        {
            if (Directory.Exists(Path) || !System.IO.File.Exists(Path))
            {
                throw new CitusException("CitusFileNotFound", CitusErrorKind.ObjectNotFound, $"There is no file '{Path}'.",
                    "Check the path; wildcards need -Path, names with brackets -LiteralPath.") { Target = Path };
            }
            var file = new DirectFile(Path);
            return Task.FromResult<(Stream, long?)>((file, file.Length));
        }
    }

    /// <summary>
    /// A file read by the thread that asks. The import is off the pipeline thread already, and a read ahead by the
    /// system is over sooner than another thread would have woken for it.
    /// </summary>
    private sealed class DirectFile(string path) : FileStream(path, new FileStreamOptions
    {
        // Reads are as large as the import's own buffer, so a second buffer would only copy.
        BufferSize = 0, Options = FileOptions.SequentialScan, Share = FileShare.ReadWrite,
    })
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<int>(cancellationToken) : ValueTask.FromResult(Read(buffer.Span));
    }

    private sealed record WebSource(Uri Address) : CsvSource(Shown(Address))
    {
        private static readonly HttpClient Client = CreateClient();

        internal override async Task<(Stream Content, long? Length)> OpenAsync(CancellationToken stop)
        {
            HttpResponseMessage? answer = null;
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, Address);
                if (Address.UserInfo is { Length: > 0 } user)
                    request.Headers.Authorization = new("Basic", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(Uri.UnescapeDataString(user))));
                answer = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
                answer.EnsureSuccessStatusCode();
                return (await answer.Content.ReadAsStreamAsync(stop), answer.Content.Headers.ContentLength);
            }
            catch (HttpRequestException e)
            {
                string why = answer is null ? e.Message : $"the web server answered {(int)answer.StatusCode} {answer.ReasonPhrase}";
                answer?.Dispose();
                throw new CitusException("CitusDownloadFailed", CitusErrorKind.ResourceUnavailable,
                    $"{Name} could not be read: {why}.", "Check the address in a browser, and the credentials it needs.", e) { Target = Name };
            }
        }

        private static HttpClient CreateClient()
        {
            var client = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5) }) { Timeout = Timeout.InfiniteTimeSpan };
            client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("Woodgrove.Citus", typeof(CsvSource).Assembly.GetName().Version!.ToString(3)));
            return client;
        }

        /// <summary>Without the user, the password and the query, which may hold a signature.</summary>
        private static string Shown(Uri address) => address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
    }
}
