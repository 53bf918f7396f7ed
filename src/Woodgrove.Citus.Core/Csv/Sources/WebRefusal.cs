using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;

namespace Woodgrove.Citus.Csv.Sources;

/// <summary>Reads why a web server refused: its status, and the reason that a storage service gives in the body.</summary>
internal static partial class WebRefusal
{
    private const int LongestBody = 16 * 1024;
    private const int LongestReason = 300;

    /// <returns>A <see cref="WebFailure"/> where the same request may succeed later; otherwise the error that the user gets.</returns>
    public static async Task<Exception> ReadAsync(WebSource source, HttpResponseMessage answer, TimeSpan timeout, CancellationToken stop)
    {
        string status = $"the web server answered {(int)answer.StatusCode} {answer.ReasonPhrase}".TrimEnd();
        if (ReasonIn(await BodyAsync(answer, timeout, stop)) is { } reason) status += $" ({reason})";
        if (answer.StatusCode is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or HttpStatusCode.InternalServerError
            or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout)
        {
            TimeSpan? wait = answer.Headers.RetryAfter?.Delta ?? answer.Headers.RetryAfter?.Date - DateTimeOffset.UtcNow;
            return new WebFailure(status) { RetryAfter = wait };
        }
        return SourceErrors.Unreadable(source, status);
    }

    private static async Task<string> BodyAsync(HttpResponseMessage answer, TimeSpan timeout, CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(timeout);
        var body = new byte[LongestBody];
        try
        {
            await using Stream content = await answer.Content.ReadAsStreamAsync(patience.Token);
            return Encoding.UTF8.GetString(body, 0,
                await content.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, patience.Token));
        }
        catch (Exception e) when (e is IOException or HttpRequestException
            || (e is OperationCanceledException && !stop.IsCancellationRequested))
        {
            return ""; // the status says enough
        }
    }

    /// <summary>The code and message of the XML that Azure Storage and S3 answer with.</summary>
    private static string? ReasonIn(string body)
    {
        try
        {
            XElement? error = XDocument.Parse(body.TrimStart('\uFEFF')).Root;
            if (error?.Element("Code")?.Value is not { Length: > 0 } code) return null;
            string message = FirstLine(error.Element("Message")?.Value);
            string detail = FirstLine(error.Element("AuthenticationErrorDetail")?.Value);
            // Other details repeat the request with its signature.
            if (!detail.StartsWith("Signature not valid in the specified time frame", StringComparison.Ordinal)) detail = "";
            string reason = string.Join(' ', new[] { $"{code}:", message, detail }.Where(p => p.Length > 0)).TrimEnd('.', ':', ' ');
            return reason.Length <= LongestReason ? reason : reason[..(LongestReason - 3)] + "...";
        }
        catch (XmlException)
        {
            return null;
        }
    }

    private static string FirstLine(string? text) => Controls().Replace((text ?? "").Trim().Split('\n')[0], "").Trim();

    [GeneratedRegex(@"\p{C}")]
    private static partial Regex Controls();
}
