using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;

namespace Woodgrove.Citus.Reports;

/// <summary>
/// HTML in the making. It takes interpolated strings only: what stands in the source is markup, and every value in
/// them is encoded, so that no name, query or message can become markup.
/// </summary>
internal sealed class Html
{
    private static readonly HtmlEncoder Encoder = HtmlEncoder.Create(UnicodeRanges.All);
    private readonly StringBuilder _text = new();

    public Html Add([InterpolatedStringHandlerArgument("")] ref Markup markup)
    {
        _text.Append('\n');
        return this;
    }

    /// <summary>Adds the module's own style sheet, in which nothing is to be encoded.</summary>
    public void AddStyle(string sheet) => _text.Append(sheet);

    /// <summary>Adds a piece for each item.</summary>
    public Html Each<T>(IEnumerable<T> items, Action<T> add)
    {
        foreach (T item in items) add(item);
        return this;
    }

    public override string ToString() => _text.ToString();

    /// <summary>Literal parts as they stand, values encoded and alike in every culture.</summary>
    [InterpolatedStringHandler]
    public readonly ref struct Markup(int literalLength, int formattedCount, Html html)
    {
        private readonly StringBuilder _text = html._text.EnsureRoom(literalLength + 16 * formattedCount);

        public void AppendLiteral(string markup) => _text.Append(markup);

        public void AppendFormatted(string? value) => _text.Append(Encoder.Encode(value ?? ""));

        public void AppendFormatted<T>(T value, string? format = null) =>
            AppendFormatted(value is IFormattable number ? number.ToString(format, CultureInfo.InvariantCulture) : value?.ToString());

        /// <summary>A number that reads well, with its exact value for whoever reads the page by program.</summary>
        public void AppendFormatted(Figure figure) =>
            _text.Append("<data value=\"").Append(figure.Value?.ToString(CultureInfo.InvariantCulture)).Append("\">").Append(figure.Text)
                .Append("</data>");
    }
}
