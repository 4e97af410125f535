/** How the page is looked at: the widths, in CSS pixels, of a phone, a tablet and a desk, each in light and in dark. */
export const looks = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [
    { width: 390, height: 844, name: 'phone' },
    { width: 820, height: 1180, name: 'tablet' },
    { width: 1600, height: 1000, name: 'desk' },
  ].map(({ width, height, name }) => ({ name: `${name}-${colorScheme}`, width, height, colorScheme })),
);
