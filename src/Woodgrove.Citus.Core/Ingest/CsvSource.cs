using System.Net.Http.Headers;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest;

/// <summary>Where a CSV's bytes come from.</summary>
public abstract record CsvSource(string Name)
{
    public static CsvSource File(string path) => new FileSource(path);

    public static CsvSource Web(Uri address) => new WebSource(address);

    /// <summary>Standard input, or another stream that can be read only once.</summary>
    public static CsvSource Once(string name, Func<Stream> open) => new SpooledSource(name, open);

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
        // For the answer's first line; its content may take as long as it takes.
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(100);
        private static readonly HttpClient Client = CreateClient();

        internal override async Task<(Stream Content, long? Length)> OpenAsync(CancellationToken stop)
        {
            HttpResponseMessage answer = await AskAsync(0, null, stop);
            var content = new WebStream(this, answer, await answer.Content.ReadAsStreamAsync(stop));
            return (content, answer.Content.Headers.ContentLength);
        }

        /// <summary>Asks for the content from an offset on.</summary>
        /// <param name="version">The version that the first part was of; the server sends the rest only if it is still that.</param>
        private async Task<HttpResponseMessage> AskAsync(long offset, EntityTagHeaderValue? version, CancellationToken stop)
        {
            HttpResponseMessage? answer = null;
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, Address);
                if (Address.UserInfo is { Length: > 0 } user)
                    request.Headers.Authorization = new("Basic", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(Uri.UnescapeDataString(user))));
                if (offset > 0) request.Headers.Range = new RangeHeaderValue(offset, null);
                if (offset > 0 && version is not null) request.Headers.IfRange = new RangeConditionHeaderValue(version);
                answer = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
                answer.EnsureSuccessStatusCode();
                return answer;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException { InnerException: TimeoutException })
            {
                string why = e is TaskCanceledException ? $"the web server gave no answer in {Patience.TotalSeconds} s" : answer is null ? e.Message : $"the web server answered {(int)answer.StatusCode} {answer.ReasonPhrase}";
                answer?.Dispose();
                throw new CitusException("CitusDownloadFailed", CitusErrorKind.ResourceUnavailable,
                    $"{Name} could not be read: {why}.", "Check the address in a browser, and the credentials it needs.", e) { Target = Name };
            }
        }

        /// <summary>The content; where the connection is cut, it goes on from there with a range request.</summary>
        private sealed class WebStream(WebSource source, HttpResponseMessage answer, Stream content) : ReadOnlyStream
        {
            private const int Attempts = 5;
            private readonly EntityTagHeaderValue? _version = answer.Headers.ETag;
            private readonly long? _length = answer.Content.Headers.ContentLength;
            private HttpResponseMessage _answer = answer;
            private Stream _content = content;
            private long _offset;

            public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
            {
                for (int attempt = 1; ; attempt++)
                {
                    try
                    {
                        int count = await _content.ReadAsync(buffer, cancellationToken);
                        if (count == 0 && _offset < _length) throw new IOException("The connection was closed early.");
                        _offset += count;
                        return count;
                    }
                    catch (Exception e) when (e is IOException or HttpRequestException && attempt < Attempts)
                    {
                        await Task.Delay(TimeSpan.FromMilliseconds(200 * attempt * attempt), cancellationToken);
                        await GoOnAsync(cancellationToken);
                    }
                }
            }

            protected override void Dispose(bool disposing)
            {
                if (disposing) _answer.Dispose();
                base.Dispose(disposing);
            }

            private async Task GoOnAsync(CancellationToken stop)
            {
                HttpResponseMessage next = await source.AskAsync(_offset, _version, stop);
                if (_offset > 0 && next.StatusCode != System.Net.HttpStatusCode.PartialContent)
                {
                    next.Dispose();
                    throw new CitusException("CitusDownloadFailed", CitusErrorKind.ResourceUnavailable,
                        $"{source.Name} was cut off at byte {_offset}, and the web server does not go on from there (no range requests, or another file by now).",
                        "Load it again, or download it first.") { Target = source.Name };
                }
                _answer.Dispose();
                (_answer, _content) = (next, await next.Content.ReadAsStreamAsync(stop));
            }
        }

        private static HttpClient CreateClient()
        {
            var client = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5) }) { Timeout = Patience };
            client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("Woodgrove.Citus", typeof(CsvSource).Assembly.GetName().Version!.ToString(3)));
            return client;
        }

        /// <summary>Without the user, the password and the query, which may hold a signature.</summary>
        private static string Shown(Uri address) => address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
    }
}
